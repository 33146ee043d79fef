"""One upload on one connection: slices in any order, written in parallel and acknowledged one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

from files_service.api.finish import done
from files_service.domain.chunking import names_in_upload_id
from files_service.errors import Conflict
from files_service.gateway.doors.websocket.messages import error_message
from files_service.gateway.state import Gateway
from files_service.gateway.threads import submit
from files_service.services.uploads.conclude import conclude
from files_service.services.uploads.finish import complete
from files_service.services.uploads.manifests import manifest_of_upload
from files_service.services.uploads.queue_door import queue_address
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.slices import require_fits, store_slice
from storage_adapters import JSON, Upload

# Further ranges are left out: bytes that are sent again are compared, and change nothing.
_MOST_RANGES = 10_000


class Session:
    """Receiver of slices while the window has room; a full window stops reading, which slows the client down."""

    def __init__(
        self, gateway: Gateway, upload: Upload, send: Callable[[JSON], Awaitable[None]], frames: asyncio.Semaphore
    ) -> None:
        self._gateway, self._upload, self._send, self._frames = gateway, upload, send, frames
        self._engine = gateway.engine()
        self._whole = self._engine.hash_of(upload)
        self._window = asyncio.Semaphore(gateway.limits.websocket_window)
        self._tasks: set[asyncio.Task[None]] = set()
        # Done at the first error, which ends the wait for the next message.
        self.failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        self._engine.enter()
        self._whole.begin(self._upload.contiguous)
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Wait until all received slices are stored, even if the client is gone."""
        await asyncio.shield(self._settle())
        self._engine.leave()

    async def show_manifest(self, start: int = 0) -> None:
        """Send a page of the manifest of the upload."""
        gateway, upload = self._gateway, self._upload
        read = gateway.counted("files.manifest", _manifest)
        manifest = await gateway.calls.run(read, gateway, upload, start)
        await self._send({"op": "manifest", **manifest})

    async def take(self, offset: int, data: memoryview, dealt_with: Callable[[], None]) -> None:
        """Receive a slice; return when the window has room for another one. Raises the error of an earlier slice.

        ``dealt_with`` is called when the slice is stored or has failed.
        """
        self.raise_error()
        require_fits(self._upload, offset, len(data))
        await self._window.acquire()
        # The window may have room because a slice has failed.
        self.raise_error()
        await self._frames.acquire()
        hashing = self._whole.feed(offset, data, self._engine.hashers)
        task = asyncio.ensure_future(self._store(offset, data, asyncio.wrap_future(hashing), dealt_with))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, sha256: str | None, size: int | None = None) -> bool:
        """Finish the upload; return False when bytes are missing. Raises the error of an earlier slice."""
        await self._settle()
        self.raise_error()
        try:
            result = await self._gateway.transfers.run(self._complete, sha256, size)
        except Conflict as error:
            # The client may send the missing bytes.
            await self._send(error_message(error))
            return False
        await self._send({"op": "done", **result})
        return True

    def _complete(self, sha256: str | None, size: int | None) -> JSON:
        counted = self._gateway.counted("files.finish", complete)
        return done(*conclude(self._engine, self._upload.upload_id, sha256, size, complete=counted))

    async def _store(
        self, offset: int, data: memoryview, hashing: asyncio.Future[None], dealt_with: Callable[[], None]
    ) -> None:
        size = len(data)
        try:
            try:
                object_id, received = await submit(self._engine.pool, self._store_now, offset, data)
                await hashing
                del data
            finally:
                # What others wait for, too, does not wait until this client reads its acknowledgement.
                dealt_with()
                self._frames.release()
            self._gateway.metrics.uploaded_bytes.inc(size)
            if not self.failure.done():
                await self._acknowledge(offset, size, object_id, received)
        except Exception as error:  # noqa: BLE001 - the conversation ends with any error
            self._fail(error)
        finally:
            self._window.release()

    async def _acknowledge(self, offset: int, size: int, object_id: str, received: int) -> None:
        said = {"slice_start": offset, "size": size, "object_id": object_id, "upload_size": received}
        await self._send({"op": "ack", **said})

    def _store_now(self, offset: int, data: memoryview) -> tuple[str, int]:
        object_id, stored = store_slice(self._engine, self._upload, offset, data)
        self._upload = stored.upload
        return object_id, stored.upload.received

    def _fail(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_result(error)
            self._whole.spoil()

    def raise_error(self) -> None:
        """Raise the error of a slice, if there is one."""
        if self.failure.done():
            raise self.failure.result()

    async def _settle(self) -> None:
        while self._tasks:
            await asyncio.wait(set(self._tasks))


def _manifest(gateway: Gateway, upload: Upload, start: int) -> dict[str, Any]:
    shown = manifest_of_upload(gateway.core, upload, start=start)
    ranges = uploads_of(gateway.core).ranges(upload.upload_id)[:_MOST_RANGES]
    names = names_in_upload_id(upload.upload_id)
    address = queue_address(gateway.core, upload.owner, upload.upload_id, upload.size, chunk_size=upload.chunk_size)
    return {
        **shown,
        **({"amqp": address} if address is not None else {}),
        "file_id": names[0] if names else None,
        "upload_id": upload.upload_id,
        "chunk_size": upload.chunk_size,
        "window": gateway.limits.websocket_window,
        "ranges": ranges,
        "expires_at": upload.expires_at,
    }
