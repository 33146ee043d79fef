"""Uploads by tus: one block after another, each a request, for networks where WebSockets are blocked."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable

from files_service.ingest.service import Remote
from files_service.ingest.transports.transport import Block, Corrupted, OpenUpload, Transport, UploadSession

_TUS = {"Tus-Resumable": "1.0.0"}
CHUNK_BYTES = 4 * 1024 * 1024
PIECE_BYTES = 256 * 1024


class TusTransport(Transport):
    """``/tus/``; the connections are those of the HTTP client."""

    name = "tus"

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def open(self, upload_id: str, size: int) -> UploadSession:
        """Begin or continue an upload."""
        async with self._remote.request("HEAD", f"/tus/{upload_id}", headers=_TUS) as response:
            offset = int(response.headers["Upload-Offset"])
        return _TusSession(self._remote, OpenUpload(upload_id, CHUNK_BYTES, ((0, offset),) if offset else ()), size)

    async def close(self) -> None:
        """Have no connection of its own."""


class _TusSession(UploadSession):
    def __init__(self, remote: Remote, state: OpenUpload, size: int) -> None:
        self._remote, self.state, self._size = remote, state, size
        self._turn = asyncio.Lock()

    async def send(self, block: Block, sha256: Awaitable[str]) -> None:
        digest = b64encode(bytes.fromhex(await sha256)).decode()
        async with self._turn:
            await self._patch(block.offset, block.data, {"Upload-Checksum": f"sha256 {digest}"})

    async def finish(self, sha256: str) -> None:
        if self._size == 0:
            await self._patch(0, b"", {})
        # The last byte completes an upload of known size; the service has hashed the whole meanwhile.
        record = await self._remote.call("files.info", file_id=self.state.upload_id.partition("-")[0])
        if record["parts"][0]["sha256"] not in (sha256, None):
            raise Corrupted("the service stored other bytes")

    async def _patch(self, offset: int, data: memoryview | bytes, headers: dict[str, str]) -> None:
        headers |= {
            **_TUS,
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(len(data)),
        }
        address = f"/tus/{self.state.upload_id}"
        async with self._remote.request("PATCH", address, headers=headers, data=_pieces(data)):
            pass

    async def close(self) -> None:
        """Have no connection of its own."""


async def _pieces(data: memoryview | bytes) -> AsyncIterator[memoryview]:
    """Yield the body in pieces, between which the event loop does other work."""
    view = memoryview(data)
    for offset in range(0, len(view), PIECE_BYTES):
        yield view[offset : offset + PIECE_BYTES]
