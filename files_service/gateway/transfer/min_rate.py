"""Waits for a sender that must be fast enough: one that dribbles holds a place as long as one that sends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sized
from typing import TypeVar

from files_service.gateway.replies import Refused, bad_field

T = TypeVar("T")


def size_of(came: Sized) -> int:
    """How much has come, of what is nothing but bytes."""
    return len(came)


class Pace:
    """Within each span of waiting at least so many bytes must come; time in which nobody waits does not count.

    ``error`` is what a sender gets that is too slow. A task waits by ``wait``; a thread does as it does, with ``left``
    and ``came``.
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
        """How long to wait for the next bytes: more than nothing, because what has come is to be looked at."""
        return max(0.001, self._left)

    def came(self, count: int, waited: float) -> None:
        """Note bytes and how long they were waited for."""
        self._left -= waited
        self._missing -= count
        if self._missing <= 0:
            self._left, self._missing = self._seconds, self._least

    async def wait(self, coming: Awaitable[T], size: Callable[[T], int]) -> T:
        """Wait for what comes next, and note how much that is. Raises ``error`` when it comes too slowly."""
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
        """From now on it is we who let the sender wait."""
        if not self._held:
            self._held = True
            self._stop()

    def go_on(self) -> None:
        """The sender is waited for again."""
        if self._held:
            self._held = False
            self._start()

    def give_up(self, error: Exception) -> None:
        """Wait no more: who waits, or will, gets this error."""
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


def too_slow(seconds: float) -> Refused:
    """Make the refusal of a body that has stopped coming, or all but stopped."""
    return bad_field("body", f"Next to nothing came for {seconds:g} seconds.", 408)
