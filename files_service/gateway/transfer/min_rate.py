"""The minimum rate of senders: one that trickles holds resources as long as one that is idle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sized
from typing import TypeVar

from files_service.gateway.limits import Limits
from files_service.gateway.replies import bad_field

T = TypeVar("T")


def size_of(came: Sized) -> int:
    """Return the number of bytes received."""
    return len(came)


class MinRate:
    """At least ``least_bytes`` in each ``seconds`` of waiting; time in which nobody waits does not count.

    ``error`` is raised for a sender that is slower. Tasks wait with ``wait``; threads use ``left`` and ``came``.
    """

    def __init__(self, seconds: float, least_bytes: int, error: Exception) -> None:
        self.error = error
        self._seconds, self._least = seconds, least_bytes
        self._left, self._missing = seconds, least_bytes
        self._timeout: asyncio.Timeout | None = None
        self._since: float | None = None
        self._held = False

    @property
    def left(self) -> float:
        """Seconds to wait for the next bytes: above zero, because bytes that have arrived still count."""
        return max(0.001, self._left)

    def came(self, count: int, waited: float) -> None:
        """Count received bytes and the seconds spent waiting for them."""
        self._left -= waited
        self._missing -= count
        if self._missing <= 0:
            self._left, self._missing = self._seconds, self._least

    async def wait(self, coming: Awaitable[T], size: Callable[[T], int]) -> T:
        """Wait for the next bytes and count them. Raises ``error`` when they are too slow."""
        try:
            async with asyncio.timeout(None) as self._timeout:
                self._start()
                try:
                    came = await coming
                finally:
                    self._stop()
        except TimeoutError:
            raise self.error from None
        finally:
            self._timeout = None
        self.came(size(came), 0)
        return came

    def hold(self) -> None:
        """Stop the time: the sender waits for us."""
        if not self._held:
            self._held = True
            self._stop()

    def go_on(self) -> None:
        """Let the time run again: we wait for the sender."""
        if self._held:
            self._held = False
            self._start()

    def give_up(self, error: Exception) -> None:
        """Stop waiting: raise this error in the current wait and in later ones."""
        self.error, self._held = error, False
        self._left = self._seconds = 0
        self._start()

    def _start(self) -> None:
        if self._timeout is not None and not self._held:
            self._since = asyncio.get_running_loop().time()
            self._timeout.reschedule(self._since + self.left)

    def _stop(self) -> None:
        if self._timeout is None or self._since is None:
            return
        self._left -= asyncio.get_running_loop().time() - self._since
        self._since = None
        if not self._timeout.expired():
            self._timeout.reschedule(None)


def body_rate(limits: Limits) -> MinRate:
    """Make the minimum rate of one request body; a slower sender gets 408."""
    seconds = limits.upload_idle_seconds
    error = bad_field("body", f"Too few bytes arrived in {seconds:g} seconds.", 408)
    return MinRate(seconds, limits.upload_least_bytes, error)
