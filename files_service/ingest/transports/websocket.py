"""Uploads by WebSocket: several blocks under way, each acknowledged when it is on stable storage."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from functools import partial
from typing import Any, cast

import orjson
from aiohttp import ClientError, ClientWebSocketResponse, WSMsgType

from files_service.errors import error_from_wire
from files_service.ingest.service import Remote, Unreachable
from files_service.ingest.transports.transport import (
    HEAD_BYTES,
    Block,
    Corrupted,
    OpenUpload,
    Stored,
    Transport,
    UploadSession,
)
from files_service.ingest.window import blocks_of_file

ADDRESS = "/ws/upload"


class WebSocketTransport(Transport):
    """``/ws/upload``; a connection takes one upload after another."""

    name = "websocket"

    def __init__(self, remote: Remote, *, answer_seconds: float = 120) -> None:
        self._remote, self._answer_seconds = remote, answer_seconds
        self._idle: list[ClientWebSocketResponse] = []

    async def open(self, upload_id: str, size: int, *, is_new: bool = False) -> UploadSession:
        """Begin or continue an upload."""
        while self._idle:
            # The service closes connections that are idle.
            with suppress(Unreachable):
                return await self._start(self._idle.pop(), upload_id, size)
        return await self._start(await self._remote.websocket(ADDRESS), upload_id, size)

    async def _start(self, connection: ClientWebSocketResponse, upload_id: str, size: int) -> UploadSession:
        session = _WebSocketSession(connection, self._idle, self._answer_seconds)
        try:
            await session.start(upload_id, size)
        except BaseException:
            await session.close()
            raise
        return session

    async def close(self) -> None:
        """Close all connections."""
        while self._idle:
            await self._idle.pop().close()


class _WebSocketSession(UploadSession):
    def __init__(
        self, connection: ClientWebSocketResponse, idle: list[ClientWebSocketResponse], answer_seconds: float
    ) -> None:
        self._connection, self._idle, self._answer_seconds = connection, idle, answer_seconds
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._done: asyncio.Future[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._error: Exception | None = None
        self._window = asyncio.Semaphore(1)
        self._finished = False

    async def start(self, upload_id: str, size: int) -> None:
        await self._say({"op": "start", "upload_id": upload_id, "size": size})
        manifest = await self._hear()
        ranges = tuple((int(start), int(end)) for start, end in manifest["ranges"])
        self.state = OpenUpload(manifest["upload_id"], int(manifest["chunk_size"]), ranges, manifest.get("amqp"))
        self._window = asyncio.Semaphore(min(int(manifest["window"]), blocks_of_file(self.state.chunk_bytes)))
        self._listening = asyncio.create_task(self._listen())

    async def send(self, block: Block, sha256: Awaitable[str]) -> Stored:
        await self._window.acquire()
        try:
            if self._error is not None:
                raise self._error
            stored = self._waiting[block.offset] = asyncio.get_running_loop().create_future()
            block.buffer[:HEAD_BYTES] = block.offset.to_bytes(HEAD_BYTES, "big")
            # The client takes any buffer, and masks a copy of it.
            await self._guarded(self._connection.send_bytes(cast("bytes", memoryview(block.buffer))))
        except BaseException:
            self._forget(block.offset)
            raise
        return partial(self._stored, block.offset, stored, sha256)

    async def _stored(self, offset: int, stored: asyncio.Future[str], sha256: Awaitable[str]) -> None:
        try:
            object_id = await self._answer(stored)
        finally:
            self._forget(offset)
        if object_id != await sha256:
            raise Corrupted(f"the service received other bytes at {offset}")

    def _forget(self, offset: int) -> None:
        """Give the place of a block free; an error that nobody waits for any more is that of all others."""
        stored = self._waiting.pop(offset, None)
        if stored is not None:
            stored.cancel()
        self._window.release()

    async def finish(self, sha256: str) -> str:
        if self._error is not None:
            raise self._error
        self._done = asyncio.get_running_loop().create_future()
        await self._say({"op": "finish", "sha256": sha256})
        await self._answer(self._done)
        self._finished = True
        return self.state.upload_id

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
        for stored in self._waiting.values():
            if not stored.cancel() and not stored.cancelled():
                # Nobody waits any more: the error of one block ended the others.
                stored.exception()
        if self._finished and not self._connection.closed:
            self._idle.append(self._connection)
        else:
            await self._connection.close()

    async def _listen(self) -> None:
        try:
            while True:
                message = await self._hear()
                match message["op"]:
                    case "ack":
                        waiting = self._waiting.get(message["slice_start"])
                        if waiting is not None and not waiting.done():
                            waiting.set_result(message["object_id"])
                    case "done":
                        if self._done is not None:
                            self._done.set_result(None)
                        return
        except Exception as error:  # noqa: BLE001 - all that wait get it
            self._error = error
            pending: list[asyncio.Future[Any]] = [*self._waiting.values()]
            if self._done is not None:
                pending.append(self._done)
            for each in pending:
                if not each.done():
                    each.set_exception(error)

    async def _answer(self, waiting: asyncio.Future[Any]) -> Any:
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await waiting
        except TimeoutError:
            raise Unreachable(f"the service acknowledged nothing for {self._answer_seconds:g} s") from None

    async def _say(self, message: dict[str, Any]) -> None:
        await self._guarded(self._connection.send_str(orjson.dumps(message).decode()))

    async def _guarded(self, sending: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self._answer_seconds):
                await sending
        except (ClientError, OSError, TimeoutError) as error:
            # The service says why it closes a connection: that is the error.
            if self._listening is not None:
                with suppress(TimeoutError, Exception):
                    await asyncio.wait_for(asyncio.shield(self._listening), 1)
            raise self._error or Unreachable(f"the connection broke: {error or type(error).__name__}") from error

    async def _hear(self) -> dict[str, Any]:
        """Return the next message. Raises the error that it is, and Unreachable at the end of the connection."""
        try:
            message = await self._connection.receive(self._answer_seconds if self._listening is None else None)
        except (ClientError, OSError, TimeoutError) as error:
            raise Unreachable(f"the connection broke: {error or type(error).__name__}") from error
        if message.type is not WSMsgType.TEXT:
            raise Unreachable(f"the service closed the connection ({self._connection.close_code})")
        answer: dict[str, Any] = orjson.loads(message.data)
        if answer["op"] == "error":
            raise error_from_wire(answer)
        return answer
