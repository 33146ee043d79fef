"""Uploads by tus: requests with several blocks each, which the gateway receives with the fewest copies."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import orjson

from files_service.domain.chunking import file_id_of_upload
from files_service.errors import Conflict
from files_service.gateway.transfer.digests import read_sha256
from files_service.gateway.transfer.tus_headers import CONTENT_TYPE, PATH, VERSION
from files_service.ingest.service import Remote, RequestTooLong, Unreachable
from files_service.ingest.transports.transport import (
    Block,
    Corrupted,
    Declaration,
    OpenUpload,
    Shortened,
    Stored,
    Transport,
    UploadSession,
)
from files_service.ingest.window import FILE_BYTES

_TUS = {"Tus-Resumable": VERSION}
CHUNK_BYTES = 4 * 1024 * 1024
# The bytes of one request. A service stores what it receives of it as it comes; between two requests it waits for its
# disk. Many proxies with a limit take the shorter one; nginx takes 1 MiB unless it is told otherwise.
REQUEST_BYTES, SHORTER_BYTES, SHORTEST_BYTES = 256 * CHUNK_BYTES, 16 * CHUNK_BYTES, 256 * 1024
PIECE_BYTES = 1024 * 1024


class TusTransport(Transport):
    """``/tus/``; the connections are those of the HTTP client."""

    name = "tus"

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.request_bytes = REQUEST_BYTES

    def declares(self, size: int) -> bool:
        """Return True for a file of which a break costs no more than of others."""
        return size <= min(FILE_BYTES, self.request_bytes)

    def shorten(self, size: int) -> None:
        """Send shorter requests after one of this size was refused; it may have been begun before others were."""
        shorter = min(size // 2, SHORTER_BYTES, self.request_bytes)
        step = CHUNK_BYTES if shorter >= CHUNK_BYTES else SHORTEST_BYTES
        self.request_bytes = max(SHORTEST_BYTES, shorter // step * step)

    async def declare(self, declaration: Declaration) -> UploadSession:
        """Begin the upload of a file with its declaration: tus 1.0.0, "Creation With Upload"."""
        return _TusSession(self, OpenUpload("", CHUNK_BYTES), declaration.size, declaration)

    async def open(self, upload_id: str, size: int, *, is_new: bool = False) -> UploadSession:
        """Begin or continue an upload."""
        if is_new:
            return _TusSession(self, OpenUpload(upload_id, CHUNK_BYTES), size)
        async with self.remote.request("HEAD", f"{PATH}{upload_id}", headers=_TUS) as response:
            offset = int(response.headers["Upload-Offset"])
        return _TusSession(self, OpenUpload(upload_id, CHUNK_BYTES, ((0, offset),) if offset else ()), size)

    async def close(self) -> None:
        """Have no connection of its own."""


class _TusSession(UploadSession):
    # The hash of the whole tells of altered bytes.
    compares_blocks = False
    acknowledges_blocks = False

    def __init__(
        self, transport: TusTransport, state: OpenUpload, size: int, declaration: Declaration | None = None
    ) -> None:
        self._transport, self.state, self._size, self._declaration = transport, state, size, declaration
        self._request: _Request | None = None

    async def send(self, block: Block, sha256: Awaitable[str]) -> Stored:
        # A connection that broke within a block leaves its beginning at the service.
        start, end = max(block.offset, self.state.arrived), block.offset + block.size
        leaving: list[Awaitable[None]] = []
        while True:
            request = self._request
            if request is None or request.end <= start:
                length = self._transport.request_bytes
                request = self._begin(start, (block.offset if length >= block.size else start) + length)
            stop = min(end, request.end)
            # No wait before the last one: the next block may be here already.
            leaving.append(request.take(block.data[start - block.offset : stop - block.offset]))
            if stop == end:
                break
            start = stop
        await asyncio.gather(*leaving)
        return request.answer

    def _begin(self, start: int, end: int) -> _Request:
        declaration, end = self._declaration if start == 0 else None, min(end, self._size)
        self._request = _Request(self._transport, self.state.upload_id, start, end, declaration, after=self._request)
        return self._request

    async def finish(self, sha256: str) -> str:
        if self._size == 0:
            self._begin(0, 0)
        reply = await self._request.answer() if self._request is not None else _Reply(self.state.upload_id)
        upload_id = reply.upload_id
        # The last byte completes an upload of known size; the service has hashed the whole meanwhile.
        stored = reply.sha256
        if stored is None:
            record = await self._transport.remote.call("files.info", file_id=file_id_of_upload(upload_id))
            stored = record["parts"][0]["sha256"]
        if stored not in (sha256, None):
            raise Corrupted("the service stored other bytes")
        return upload_id

    async def close(self) -> None:
        if self._request is not None:
            await self._request.abort()


@dataclass(frozen=True, slots=True)
class _Reply:
    """The reply to a request: the id of the upload, and the SHA-256 of the whole, which comes with the last byte."""

    upload_id: str
    sha256: str | None = None


class _Request:
    """One PATCH, or one POST that declares the file, whose body is written while its blocks are read.

    It begins when the one before is answered. The client's own time limits begin with the response: a piece of the body
    that does not leave within the same time ends the request. TCP alone would give up after a quarter of an hour.
    """

    def __init__(
        self,
        transport: TusTransport,
        upload_id: str,
        start: int,
        end: int,
        declaration: Declaration | None = None,
        *,
        after: _Request | None = None,
    ) -> None:
        self.end = end
        self._transport, self._remote = transport, transport.remote
        self._upload_id, self._start, self._declaration, self._after = upload_id, start, declaration, after
        self._blocks: asyncio.Queue[tuple[memoryview, asyncio.Future[None]]] = asyncio.Queue()
        self._stall = asyncio.timeout(None)
        self._running = asyncio.create_task(self._run())

    def take(self, data: memoryview) -> Awaitable[None]:
        """Take the next bytes of the body; the result waits until they have left, and raises the request's error."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._blocks.put_nowait((data, written))
        return self._has_left(written)

    async def _has_left(self, written: asyncio.Future[None]) -> None:
        await asyncio.wait((written, self._running), return_when=asyncio.FIRST_COMPLETED)
        if not written.done():
            await self.answer()

    async def answer(self) -> _Reply:
        """Return when the service has all bytes on stable storage. Raises the error of the request."""
        return await asyncio.shield(self._running)

    async def abort(self) -> None:
        """Close the connection unless the request is answered."""
        self._running.cancel()
        with suppress(Exception, asyncio.CancelledError):
            await self._running
        if self._after is not None:
            await self._after.abort()

    async def _run(self) -> _Reply:
        if self._after is not None:
            before = await self._after.answer()
            self._upload_id, self._after = before.upload_id, None
        verb, address, headers = self._head()
        headers |= {**_TUS, "Content-Type": CONTENT_TYPE, "Content-Length": str(self.end - self._start)}
        try:
            async with self._stall, self._remote.request(verb, address, headers=headers, data=self._body()) as response:
                return self._reply(response.headers)
        except RequestTooLong as error:
            if (size := self.end - self._start) <= SHORTEST_BYTES:
                raise
            self._transport.shorten(size)
            raise Shortened("requests are shorter from now on") from error
        except Conflict as error:
            if error.details.get("field") != "Upload-Offset":
                raise
            # What a connection had brought that broke on this side alone was stored when this one took its place.
            raise Unreachable(f"bytes of a broken connection have come late: {error}") from error
        except TimeoutError as error:
            raise Unreachable(f"{self._remote.service.url} takes no more bytes") from error

    def _head(self) -> tuple[str, str, dict[str, str]]:
        declaration = self._declaration
        if declaration is None:
            return "PATCH", f"{PATH}{self._upload_id}", {"Upload-Offset": str(self._start)}
        said = {
            "path": declaration.path,
            "filetype": declaration.content_type,
            "meta": orjson.dumps(declaration.meta).decode(),
            "request_id": declaration.request_id,
        }
        pairs = [f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in said.items()]
        return "POST", PATH, {"Upload-Length": str(declaration.size), "Upload-Metadata": ",".join(pairs)}

    def _reply(self, headers: Mapping[str, str]) -> _Reply:
        if headers.get("Upload-Offset") != str(self.end):
            raise Unreachable(f"the service has not taken all bytes: Upload-Offset {headers.get('Upload-Offset')}")
        upload_id = self._upload_id or headers.get("Location", "").rpartition("/")[2]
        return _Reply(upload_id, read_sha256(headers.get("Repr-Digest", "")))

    async def _body(self) -> AsyncIterator[memoryview]:
        """Yield the body in pieces, between which the event loop does other work."""
        left = self.end - self._start
        while left:
            data, written = await self._blocks.get()
            for offset in range(0, len(data), PIECE_BYTES):
                self._stall.reschedule(asyncio.get_running_loop().time() + self._remote.service.answer_seconds)
                yield data[offset : offset + PIECE_BYTES]
            # The card may take its time.
            self._stall.reschedule(None)
            left -= len(data)
            if not written.done():
                written.set_result(None)
