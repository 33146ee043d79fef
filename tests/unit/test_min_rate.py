"""How long a sender is waited for, and when the time does not run."""

from __future__ import annotations

import asyncio

import pytest

from files_service.gateway.transfer.min_rate import MinRate, size_of
from tests.clocks import run_in_no_time


class TooSlow(Exception):
    """What a slow sender gets here."""


async def after(seconds: float, data: bytes) -> bytes:
    await asyncio.sleep(seconds)
    return data


def test_who_sends_too_little_is_too_slow_however_often_it_sends() -> None:
    async def scene() -> None:
        pace, sent = MinRate(0.3, 10, TooSlow()), 0

        async def send() -> None:
            nonlocal sent
            while sent < 9:
                sent += len(await pace.wait(after(0.05, b"x"), size_of))

        with pytest.raises(TooSlow):
            await send()
        assert sent > 1

    run_in_no_time(scene())


def test_who_sends_enough_has_the_whole_time_again() -> None:
    async def scene() -> None:
        pace = MinRate(0.3, 10, TooSlow())
        for _ in range(5):
            assert await pace.wait(after(0.1, b"x" * 10), size_of) == b"x" * 10
        assert pace.left > 0.2

    run_in_no_time(scene())


def test_time_in_which_nobody_waits_does_not_count() -> None:
    async def scene() -> None:
        pace = MinRate(0.3, 10, TooSlow())
        await pace.wait(after(0.1, b"x"), size_of)
        await asyncio.sleep(0.4)
        await pace.wait(after(0.1, b"x"), size_of)

    run_in_no_time(scene())


@pytest.mark.parametrize("before", [False, True])
def test_time_in_which_the_sender_waits_for_us_does_not_count(before: bool) -> None:
    async def scene() -> None:
        pace, loop = MinRate(0.3, 10, TooSlow()), asyncio.get_running_loop()
        if before:
            pace.hold()
        else:
            loop.call_later(0.1, pace.hold)
        loop.call_later(0.6, pace.go_on)
        await pace.wait(after(0.7, b"x"), size_of)
        with pytest.raises(TooSlow):
            await pace.wait(after(0.7, b"x"), size_of)

    run_in_no_time(scene())


def test_going_on_twice_gives_no_more_time() -> None:
    async def scene() -> None:
        pace, loop = MinRate(0.3, 10, TooSlow()), asyncio.get_running_loop()
        for tenth in range(1, 8):
            loop.call_later(tenth / 10, pace.go_on)
        with pytest.raises(TooSlow):
            await pace.wait(after(0.8, b"x"), size_of)

    run_in_no_time(scene())


@pytest.mark.parametrize("held", [False, True])
def test_who_is_given_up_is_waited_for_no_more(held: bool) -> None:
    async def scene() -> None:
        pace, loop = MinRate(10, 10, TooSlow()), asyncio.get_running_loop()
        if held:
            pace.hold()
        loop.call_later(0.1, pace.give_up, ValueError("others wait"))
        began = loop.time()
        with pytest.raises(ValueError, match="others wait"):
            await pace.wait(after(9, b"x"), size_of)
        with pytest.raises(ValueError, match="others wait"):
            await pace.wait(after(9, b"x"), size_of)
        assert loop.time() - began < 5

    run_in_no_time(scene())
