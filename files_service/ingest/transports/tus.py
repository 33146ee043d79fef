"""Uploads by tus: requests with several blocks each, which the gateway receives with the fewest copies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress

from files_service.ingest.service import Remote, RequestTooLong, Unreachable
from files_service.ingest.transports.transport import Block, Corrupted, OpenUpload, Stored, Transport, UploadSession

_TUS = {"Tus-Resumable": "1.0.0"}
CHUNK_BYTES = 4 * 1024 * 1024
# The bytes of one request. A service stores what it receives of it as it comes; between two requests it waits for its
# disk. Most proxies with a limit take the shorter one.
REQUEST_BYTES, SHORTER_BYTES = 256 * CHUNK_BYTES, 16 * CHUNK_BYTES
PIECE_BYTES = 1024 * 1024


class TusTransport(Transport):
    """``/tus/``; the connections are those of the HTTP client."""

    name = "tus"

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.request_bytes = REQUEST_BYTES

    def shorten(self, size: int) -> None:
        """Send shorter requests after one of this size was refused; it may have been begun before others were."""
        self.request_bytes = max(1, min(size // 2, SHORTER_BYTES, self.request_bytes) // CHUNK_BYTES) * CHUNK_BYTES

    async def open(self, upload_id: str, size: int, *, is_new: bool = False) -> UploadSession:
        """Begin or continue an upload."""
        if is_new:
            return _TusSession(self, OpenUpload(upload_id, CHUNK_BYTES), size)
        async with self.remote.request("HEAD", f"/tus/{upload_id}", headers=_TUS) as response:
            offset = int(response.headers["Upload-Offset"])
        return _TusSession(self, OpenUpload(upload_id, CHUNK_BYTES, ((0, offset),) if offset else ()), size)

    async def close(self) -> None:
        """Have no connection of its own."""


class _TusSession(UploadSession):
    # The hash of the whole tells of altered bytes.
    compares_blocks = False
    acknowledges_blocks = False

    def __init__(self, transport: TusTransport, state: OpenUpload, size: int) -> None:
        self._transport, self.state, self._size = transport, state, size
        self._request: _Request | None = None

    async def send(self, block: Block, sha256: Awaitable[str]) -> Stored:
        # A connection that broke within a block leaves its beginning at the service.
        start = max(block.offset, self.state.arrived)
        request = self._request
        if request is None or request.end <= start:
            end = min(self._size, block.offset + self._transport.request_bytes)
            request = self._request = _Request(self._transport, self.state.upload_id, start, end, after=request)
        await request.write(block.data[start - block.offset :])
        return request.answer

    async def finish(self, sha256: str) -> None:
        if self._size == 0:
            await _Request(self._transport, self.state.upload_id, 0, 0).answer()
        # The last byte completes an upload of known size; the service has hashed the whole meanwhile.
        record = await self._transport.remote.call("files.info", file_id=self.state.upload_id.partition("-")[0])
        if record["parts"][0]["sha256"] not in (sha256, None):
            raise Corrupted("the service stored other bytes")

    async def close(self) -> None:
        if self._request is not None:
            await self._request.abort()


class _Request:
    """One PATCH, whose body is written while its blocks are read. It begins when the one before is answered.

    The client's own time limits begin with the response: a piece of the body that does not leave within the same time
    ends the request. TCP alone would give up after a quarter of an hour.
    """

    def __init__(
        self, transport: TusTransport, upload_id: str, start: int, end: int, *, after: _Request | None = None
    ) -> None:
        self.end = end
        self._transport, self._remote = transport, transport.remote
        self._address, self._start, self._after = f"/tus/{upload_id}", start, after
        self._blocks: asyncio.Queue[tuple[memoryview, asyncio.Future[None]]] = asyncio.Queue()
        self._stall = asyncio.timeout(None)
        self._patching = asyncio.create_task(self._patch())

    async def write(self, data: memoryview) -> None:
        """Return when the bytes have left. Raises the error of the request."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._blocks.put_nowait((data, written))
        await asyncio.wait((written, self._patching), return_when=asyncio.FIRST_COMPLETED)
        if not written.done():
            await self.answer()

    async def answer(self) -> None:
        """Return when the service has all bytes on stable storage. Raises the error of the request."""
        await asyncio.shield(self._patching)

    async def abort(self) -> None:
        """Close the connection unless the request is answered."""
        self._patching.cancel()
        with suppress(Exception, asyncio.CancelledError):
            await self._patching
        if self._after is not None:
            await self._after.abort()

    async def _patch(self) -> None:
        if self._after is not None:
            await self._after.answer()
            self._after = None
        headers = {
            **_TUS,
            "Upload-Offset": str(self._start),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(self.end - self._start),
        }
        try:
            async with self._stall, self._remote.request("PATCH", self._address, headers=headers, data=self._body()):
                pass
        except RequestTooLong:
            self._transport.shorten(self.end - self._start)
            raise
        except TimeoutError as error:
            raise Unreachable(f"{self._remote.service.url} takes no more bytes") from error

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
