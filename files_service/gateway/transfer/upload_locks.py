"""Who sends to which upload: one sender at a time, the newest, because an old connection may hang for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from files_service.errors import Busy

_HAND_OVER_SECONDS = 15.0


class Rights:
    """Who of this process sends to which upload. A sender that comes back while its old connection hangs is let in."""

    def __init__(self) -> None:
        self._held: dict[str, Right] = {}

    @asynccontextmanager
    async def hold(self, upload_id: str) -> AsyncIterator[Right]:
        """Have the right to send; whoever has it is made to stop. Raises Busy when that takes too long."""
        try:
            async with asyncio.timeout(_HAND_OVER_SECONDS):
                while upload_id in self._held:
                    await self._held[upload_id].take_away()
        except TimeoutError:
            raise Busy("another request is still bringing this upload", {"upload_id": upload_id}) from None
        right = self._held[upload_id] = Right()
        try:
            yield right
        finally:
            del self._held[upload_id]
            right.given_up.set()


class Right:
    """The right to send to one upload, until somebody newer takes it away."""

    def __init__(self) -> None:
        self.given_up = asyncio.Event()
        self.lost = False
        self._running: asyncio.Future[Any] | None = None

    async def take_away(self) -> None:
        """Make the holder stop; returns when it has."""
        self.lost = True
        if self._running is not None:
            self._running.cancel()
        await self.given_up.wait()

    async def run(self, transfer: Coroutine[Any, Any, None]) -> None:
        """Run a transfer that ends when the right is taken away, with Busy."""
        self._running = asyncio.ensure_future(transfer)
        try:
            if self.lost:
                self._running.cancel()
            await self._running
        except asyncio.CancelledError:
            self._running.cancel()
            if self.lost:
                raise Busy("another request goes on with this upload") from None
            raise
        finally:
            self._running = None
