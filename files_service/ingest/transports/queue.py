"""Uploads over the broker, and by WebSocket while it does not take them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack

from files_service.errors import FilesError, NotSupported, Unauthorized, error_from_wire
from files_service.ingest.service import Remote, Unreachable
from files_service.ingest.transports.transport import Block, Corrupted, OpenUpload, Stored, Transport, UploadSession
from files_service.ingest.transports.websocket import WebSocketTransport
from files_service.messaging.ingest.client import QueueRefused, QueueSender, QueueUnavailable
from storage_adapters import JSON

# Seconds without another connection to a broker that failed.
AVOID_SECONDS = 60.0


class QueueTransport(Transport):
    """The queue door. An upload is opened by WebSocket, which says what has arrived and where the door is."""

    name = "queue"

    def __init__(self, remote: Remote, uri: str, *, avoid_seconds: float = AVOID_SECONDS) -> None:
        self._uri, self._avoid_seconds = uri, avoid_seconds
        self._http = WebSocketTransport(remote)
        self._stack = AsyncExitStack()
        self._sender: QueueSender | None = None
        self._avoided_until = float("-inf")
        self._turn = asyncio.Lock()

    async def open(self, upload_id: str, size: int, *, is_new: bool = False) -> UploadSession:
        """Begin or continue an upload, by HTTP for a while after the broker failed."""
        session = await self._http.open(upload_id, size)
        sender = await self._connected()
        if sender is None:
            return session
        await session.close()
        if session.state.amqp is None:
            raise NotSupported("the service has no queue door: choose another transport")
        return _QueueSession(self, sender, session.state, session.state.amqp)

    async def avoid(self) -> None:
        """Use HTTP for a while."""
        self._avoided_until = asyncio.get_running_loop().time() + self._avoid_seconds
        self._sender = None
        await self._stack.aclose()

    async def close(self) -> None:
        """Close all connections."""
        await self._stack.aclose()
        await self._http.close()

    async def _connected(self) -> QueueSender | None:
        async with self._turn:
            if asyncio.get_running_loop().time() < self._avoided_until:
                return None
            if self._sender is None:
                try:
                    self._sender = await self._stack.enter_async_context(QueueSender(self._uri))
                except QueueUnavailable:
                    await self.avoid()
            return self._sender


class _QueueSession(UploadSession):
    def __init__(self, transport: QueueTransport, sender: QueueSender, state: OpenUpload, amqp: JSON) -> None:
        self._transport, self._sender, self._amqp = transport, sender, amqp
        self.state = OpenUpload(state.upload_id, int(amqp["chunk_bytes"]), state.ranges)
        self._window = asyncio.Semaphore(int(amqp["window"]))

    async def send(self, block: Block, sha256: Awaitable[str]) -> Stored:
        async with self._window:
            expected = await sha256
            answer = await self._guarded(
                self._sender.send(self._amqp, block.offset, bytes(block.data), sha256=expected)
            )
        if answer["object_id"] != expected:
            raise Corrupted(f"the service received other bytes at {block.offset}")
        return _stored

    async def finish(self, sha256: str) -> str:
        await self._guarded(self._sender.finish(self._amqp, sha256=sha256))
        return self.state.upload_id

    async def close(self) -> None:
        """Have no connection of its own."""

    async def _guarded(self, sending: Awaitable[JSON]) -> JSON:
        try:
            return await sending
        except QueueUnavailable as error:
            await self._transport.avoid()
            raise Unreachable(str(error)) from error
        except QueueRefused as refused:
            raise _error_of(refused) from refused


async def _stored() -> None:
    """Return: an answered chunk is on stable storage."""


def _error_of(refused: QueueRefused) -> FilesError | Unreachable:
    """Return the error of an answer; a token that has ended is replaced by opening the upload again."""
    error = error_from_wire(refused.error)
    return Unreachable(str(error)) if isinstance(error, Unauthorized) else error
