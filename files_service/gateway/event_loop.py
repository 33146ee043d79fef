"""The event loop of the gateway: a storm of events is handled in small pieces, and others have their turns between."""

from __future__ import annotations

import asyncio
import math
import select
import selectors
from collections.abc import Mapping
from typing import Any

# Connections whose events are handled in a turn of the loop; the system reports the others first in the next one.
_EVENTS = 32


if hasattr(selectors, "EpollSelector"):

    class FairSelector(selectors.EpollSelector):
        """A selector that reports few events at once, each ready connection in its turn.

        The standard one reports all: a peer that closes thousands of connections makes one turn of a second of them.
        """

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            """See ``BaseSelector``."""
            # Rounded up to the milliseconds of the system, so that a timer is due when the call ends.
            wait = -1.0 if timeout is None else max(0, math.ceil(timeout * 1_000)) / 1_000
            epoll: Any = self._selector  # type: ignore[attr-defined]
            keys: Mapping[int, selectors.SelectorKey] = self._fd_to_key  # type: ignore[attr-defined]
            try:
                events = epoll.poll(wait, _EVENTS)
            except InterruptedError:
                return []
            return [(keys[number], _mask(event) & keys[number].events) for number, event in events if number in keys]


def _mask(event: int) -> int:
    """Translate an event of epoll: errors are both readable and writable."""
    write = selectors.EVENT_WRITE if event & ~select.EPOLLIN else 0
    return write | (selectors.EVENT_READ if event & ~select.EPOLLOUT else 0)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make the loop; a system without epoll has the standard one."""
    if not hasattr(selectors, "EpollSelector"):
        return asyncio.new_event_loop()
    return asyncio.SelectorEventLoop(FairSelector())
