"""The pause of a worker while a store does not answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from files_service.runtime.backoff import delay_after

logger = logging.getLogger(__name__)


class Pauses(Protocol):
    """The lengths of pauses."""

    @property
    def first_pause_seconds(self) -> float:
        """The first pause."""

    @property
    def longest_pause_seconds(self) -> float:
        """The longest pause."""


class Outage:
    """One pause for all messages of a worker: from the first failure until the stores answer again."""

    def __init__(self, ping: Callable[[], None], pauses: Pauses, stopping: asyncio.Event) -> None:
        self._ping, self._pauses, self._stopping = ping, pauses, stopping
        self._began = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_on(self) -> bool:
        """True during a pause."""
        return self._began.is_set()

    async def begins(self) -> None:
        """Return at the beginning of the next pause."""
        await self._began.wait()

    async def over(self) -> None:
        """Return when there is no pause."""
        await self._ended.wait()

    async def wait(self) -> bool:
        """Begin a pause, or join it; return True at its end, False when the process stops before."""
        if not self.is_on:
            self._began.set()
            self._ended.clear()
            self._task = asyncio.create_task(self._last())
            logger.warning("paused: a store does not answer")
        await self._ended.wait()
        return not self._stopping.is_set()

    async def _last(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            attempt += 1
            delay = delay_after(
                attempt, first=self._pauses.first_pause_seconds, longest=self._pauses.longest_pause_seconds
            )
            try:
                await asyncio.wait_for(self._stopping.wait(), delay)
            except TimeoutError:
                if await self._is_answered():
                    break
        self._began.clear()
        self._ended.set()
        logger.info("pause ended", extra={"attempts": attempt})

    async def _is_answered(self) -> bool:
        try:
            await asyncio.to_thread(self._ping)
        except Exception as error:  # noqa: BLE001 - with any error the store cannot be used
            logger.debug("a store does not answer", extra={"error": str(error)})
            return False
        return True
