"""Which messages of a connection count, and against what."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from files_service.gateway.doors.websocket.flow_control import FlowControl
from files_service.gateway.limits import Limits
from files_service.gateway.transfer.memory_budget import MemoryBudget
from files_service.gateway.transfer.min_rate import MinRate
from tests.gateway.raw_websocket import BINARY, frame_head

MOST = 100


class Line:
    """What an flow needs of a connection."""

    def __init__(self) -> None:
        self.listener: Callable[[bytes], None] = lambda data: None
        self.reads = True

    def let_wait(self, reason: object) -> None:
        self.reads = False

    def go_on(self, reason: object) -> None:
        self.reads = True

    def excuse(self) -> None:
        pass


def opened(budget: MemoryBudget) -> tuple[Any, FlowControl]:
    line: Any = Line()
    return line, FlowControl(line, MinRate(9, 1, TimeoutError()), budget, Limits(), most=MOST, refuse=False)


def long(size: int) -> bytes:
    return frame_head(BINARY, size) + bytes(size)


def test_a_message_counts_from_its_first_bytes_until_it_was_dealt_with() -> None:
    budget = MemoryBudget(2 * MOST, lambda: 1.0)
    line, flow = opened(budget)
    line.listener(long(90)[:20], 1_000)
    assert budget.taken == 90
    line.listener(long(90)[20:] + long(30), 1_000)
    assert budget.taken == 120
    first, second = flow.receive(), flow.receive()
    flow.free(second)
    assert budget.taken == 90
    flow.free(first)
    assert budget.taken == 0


def test_a_connection_is_not_read_while_there_is_no_room_for_its_message() -> None:
    async def scene() -> None:
        budget = MemoryBudget(2 * MOST, lambda: 1.0)
        (one, first), (other, second) = opened(budget), opened(budget)
        one.listener(long(90) + long(90), 1_000)
        other.listener(long(30)[:10], 1_000)
        assert (one.reads, other.reads) == (True, False)
        first.free(first.receive())
        assert other.reads
        assert budget.taken == 120
        first.close()
        second.close()
        assert budget.taken == 0

    asyncio.run(scene())


def test_what_comes_after_the_end_of_a_conversation_does_not_count() -> None:
    async def scene() -> None:
        budget = MemoryBudget(2 * MOST, lambda: 1.0)
        (one, first), (other, second) = opened(budget), opened(budget)
        one.listener(long(90) + long(90) + long(90)[:20], 1_000)
        other.listener(long(90)[:20], 1_000)
        first.receive()
        for flow in (first, second):
            flow.close()
        for line in (one, other):
            line.listener(long(90), 1_000)
        assert budget.taken == 0
        assert not budget._waiting

    asyncio.run(scene())


def test_a_message_longer_than_the_longest_is_left_to_the_parser() -> None:
    budget = MemoryBudget(2 * MOST, lambda: 1.0)
    line, _ = opened(budget)
    line.listener(frame_head(BINARY, 2**40), 1_000)
    assert budget.taken == MOST
