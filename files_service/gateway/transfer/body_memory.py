"""Memory for bodies that are read whole: senders share it fairly, and each waits for it for a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from files_service.errors import ServiceUnavailable
from files_service.gateway.limits import Limits
from files_service.gateway.transfer.memory_budget import Holder, MemoryBudget, Share
from files_service.gateway.transfer.min_rate import MinRate


class _Body(Holder):
    """A body that waits for its memory, and is received then."""

    def __init__(self, pace: MinRate) -> None:
        self.granted = asyncio.Event()
        self._pace = pace

    def go_on(self, share: Share) -> None:
        """See ``Holder``."""
        self.granted.set()

    def hurry(self, share: Share) -> None:
        """See ``Holder``: refuse a body that still comes in."""
        self._pace.give_up(ServiceUnavailable("this body is too slow while others wait: send it again"))


class BodyMemory:
    """A budget for bodies of at most ``longest`` bytes, the last of which is for those who have none."""

    def __init__(self, most: int, longest: int, limits: Limits) -> None:
        self.budget = MemoryBudget(most, _now, reserve=longest)
        self._wait_seconds, self._slow_seconds = limits.body_wait_seconds, limits.body_slow_seconds

    @asynccontextmanager
    async def room(self, size: int, pace: MinRate, *users: str) -> AsyncIterator[None]:
        """Hold memory for a body that comes at a pace.

        Raises ServiceUnavailable when there is none in time. A slow body gives up its memory while others wait.
        """
        body = _Body(pace)
        share = self.budget.take(size, body, *users)
        try:
            if share.since is None:
                await self._wait(body)
            yield
        finally:
            self.budget.give_back(share)

    async def _wait(self, body: _Body) -> None:
        until = _now() + self._wait_seconds
        while not body.granted.is_set():
            if _now() >= until:
                raise ServiceUnavailable("too many bodies at once", {"limit": self.budget.most})
            self.budget.hurry(_now() - self._slow_seconds)
            look_at = min(until, _now() + self._slow_seconds / 4)
            try:
                async with asyncio.timeout_at(look_at):
                    await body.granted.wait()
            except TimeoutError:
                continue


def _now() -> float:
    return asyncio.get_running_loop().time()
