"""The selector of the gateway's loop: as the standard one, but few events at once."""

from __future__ import annotations

import asyncio
import selectors
import socket
from contextlib import ExitStack, closing
from pathlib import Path

from files_service.gateway.event_loop import FairSelector, new_event_loop
from files_service.gateway.server import GatewayServer
from tests.cores import memory_core
from tests.waiting import PATIENCE_SECONDS, wait_until

PAIRS = 100


def test_all_that_is_ready_is_reported_in_turn_and_few_at_once() -> None:
    with ExitStack() as stack:
        selector = stack.enter_context(FairSelector())
        for number in range(PAIRS):
            left, right = (stack.enter_context(each) for each in socket.socketpair())
            selector.register(left, selectors.EVENT_READ, number)
            right.send(b"x")
        # Nobody reads: all stay ready, and each has its turn before any has the second.
        turns = [[key.data for key, _ in selector.select(0)] for _ in range(4)]
        assert max(map(len, turns)) < PAIRS
        assert {number for turn in turns for number in turn} == set(range(PAIRS))


def test_events_are_those_of_the_standard_selector() -> None:
    with ExitStack() as stack:
        both = [stack.enter_context(made) for made in (FairSelector(), selectors.EpollSelector())]
        pairs = [tuple(stack.enter_context(each) for each in socket.socketpair()) for _ in range(4)]
        (idle, _), (readable, writer), (closed, peer), (written, _) = pairs
        for selector in both:
            selector.register(idle, selectors.EVENT_READ, "idle")
            selector.register(readable, selectors.EVENT_READ | selectors.EVENT_WRITE, "readable")
            selector.register(closed, selectors.EVENT_READ, "closed")
            selector.register(written, selectors.EVENT_WRITE, "written")
        writer.send(b"x")
        peer.close()
        found, expected = ({key.data: mask for key, mask in selector.select(0.01)} for selector in both)
        assert found == expected == {"readable": 3, "closed": 1, "written": 2}
        for each in (readable, closed, written):
            both[0].unregister(each)
        assert both[0].select(0) == both[0].select(-1) == both[0].select(0.001) == []


def test_a_storm_of_connections_that_close_is_no_long_turn(tmp_path: Path) -> None:
    async def scene() -> int:
        core = memory_core(tmp_path)
        server, ended = GatewayServer(core), []
        port = await server.start("127.0.0.1", 0)
        peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.to_thread(wait_until, lambda: len(server.connections) == len(peers), seconds=PATIENCE_SECONDS)
            for peer in peers:
                peer.close()
            before = len(server.connections)
            while len(server.connections):
                await asyncio.sleep(0)
                ended.append(before - len(server.connections))
                before = len(server.connections)
        await server.stop(1)
        core.close()
        return max(ended)

    with closing(new_event_loop()) as loop:
        assert loop.run_until_complete(scene()) <= 64
