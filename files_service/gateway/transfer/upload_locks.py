"""Upload locks: one sender per upload, the newest, because an old connection may hang for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from files_service.errors import Busy

_HAND_OVER_SECONDS = 15.0


class UploadLocks:
    """The locks of this process, by upload. A sender that reconnects takes the lock from its old connection."""

    def __init__(self) -> None:
        self._held: dict[str, UploadLock] = {}

    @asynccontextmanager
    async def hold(self, upload_id: str) -> AsyncIterator[UploadLock]:
        """Hold the lock of an upload; its holder is made to stop. Raises Busy when that takes too long."""
        try:
            async with asyncio.timeout(_HAND_OVER_SECONDS):
                displaced = False
                while upload_id in self._held:
                    displaced = True
                    await self._held[upload_id].take_away()
        except TimeoutError:
            raise Busy("another request still sends this upload", {"upload_id": upload_id}) from None
        lock = self._held[upload_id] = UploadLock(displaced=displaced)
        try:
            yield lock
        finally:
            del self._held[upload_id]
            lock.given_up.set()


class UploadLock:
    """The lock of one upload, until a newer sender takes it; ``displaced`` when it was taken from an older one."""

    def __init__(self, *, displaced: bool) -> None:
        self.displaced = displaced
        self.given_up = asyncio.Event()
        self.lost = False
        self._running: asyncio.Future[Any] | None = None

    async def take_away(self) -> None:
        """Make the holder stop; return when it has."""
        self.lost = True
        if self._running is not None:
            self._running.cancel()
        await self.given_up.wait()

    async def run(self, transfer: Coroutine[Any, Any, None]) -> None:
        """Run a transfer; raise Busy when the lock is taken away."""
        self._running = asyncio.ensure_future(transfer)
        try:
            if self.lost:
                self._running.cancel()
            await self._running
        except asyncio.CancelledError:
            self._running.cancel()
            if self.lost:
                raise Busy("another request continues this upload") from None
            raise
        finally:
            self._running = None


UPLOAD_LOCKS = web.AppKey("upload_locks", UploadLocks)


def upload_locks_of(request: web.Request) -> UploadLocks:
    """Return the locks of the request's gateway."""
    return request.config_dict[UPLOAD_LOCKS]
