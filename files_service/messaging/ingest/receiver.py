"""Messages of the queue door as calls of the services, in threads beside the event loop."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial, wraps
from time import perf_counter
from typing import ParamSpec, TypeVar
from weakref import WeakValueDictionary

from files_service.api.finish import done
from files_service.core import Core
from files_service.errors import storage_errors_as_files_errors
from files_service.messaging.ingest.messages import ChunkMessage, FinishMessage, ack, require_same
from files_service.messaging.ingest.metrics import IngestMetrics
from files_service.services.uploads.conclude import conclude
from files_service.services.uploads.finish import complete
from files_service.services.uploads.hashing import WholeHash
from files_service.services.uploads.queue_door import session_of_token
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import UploadSession
from files_service.services.uploads.slices import require_fits, store_slice
from files_service.services.uploads.writer import Engine
from storage_adapters import JSON, Upload

P = ParamSpec("P")
T = TypeVar("T")

_HASHED_AT_ONCE = 256


class Receiver:
    """Storage of chunks and completion of uploads. It keeps nothing that another worker would need."""

    def __init__(self, core: Core, metrics: IngestMetrics) -> None:
        self._core, self._metrics = core, metrics
        self._engine = Engine(core, uploads_of(core))
        self._calls = ThreadPoolExecutor(4, thread_name_prefix="call")
        # Bytes are hashed in the order in which the broker delivers them; they are stored in any.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._hashing: OrderedDict[tuple[str, int], WholeHash] = OrderedDict()

    async def take(self, message: ChunkMessage) -> JSON:
        """Store a chunk; return the answer once it is on stable storage. Raises FilesError."""
        data = memoryview(message.body)
        async with self._turn(message.upload_id):
            upload = (await self._run(self._calls, self._checked, message)).upload
            require_fits(upload, message.slice_start, len(data))
            whole = self._hash_of(upload)
            hashing = asyncio.wrap_future(whole.feed(message.slice_start, data, self._engine.hashers))
        started = perf_counter()
        try:
            object_id, stored = await self._run(
                self._engine.pool, store_slice, self._engine, upload, message.slice_start, data, message.sha256
            )
        except BaseException:
            whole.spoil()
            raise
        finally:
            await asyncio.shield(hashing)
        self._metrics.store_seconds.observe(perf_counter() - started)
        self._metrics.process.uploaded_bytes.inc(len(data))
        if not stored.chunks:
            self._metrics.duplicates.inc()
        return ack(message.slice_start, len(data), object_id, stored.upload.received)

    async def finish(self, message: FinishMessage) -> JSON:
        """Complete an upload. Raises FilesError; Conflict with ``missing`` while bytes are missing."""
        return {"op": "done", **await self._run(self._calls, self._finish, message)}

    def ping(self) -> None:
        """Return when both stores answer. Raises StorageError."""
        self._core.metadata.ping()
        self._core.blobs.ping()

    def close(self) -> None:
        """End the threads."""
        self._calls.shutdown(wait=False, cancel_futures=True)
        self._engine.close()

    def _find(self, token: str, upload_id: str) -> UploadSession:
        return session_of_token(self._core, token, upload_id)

    def _checked(self, message: ChunkMessage) -> UploadSession:
        """Find the upload of a chunk; compare its bytes with their hash, which becomes the name of the chunk."""
        session = self._find(message.token, message.upload_id)
        require_same(message)
        return session

    def _finish(self, message: FinishMessage) -> JSON:
        self._find(message.token, message.upload_id)
        counted = self._counted("files.finish", complete)
        return done(*conclude(self._engine, message.upload_id, message.sha256, message.size, complete=counted))

    def _counted(self, method: str, function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            with self._metrics.process.counting(method):
                return function(*args, **kwargs)

        return call

    def _turn(self, upload_id: str) -> asyncio.Lock:
        return self._turns.setdefault(upload_id, asyncio.Lock())

    def _hash_of(self, upload: Upload) -> WholeHash:
        """Return the checksums of the whole, begun at the first chunk of the upload that this process sees."""
        key = (upload.upload_id, upload.created_at)
        whole = self._hashing.get(key)
        if whole is None:
            whole = self._hashing[key] = self._engine.hash_of(upload)
            whole.begin(upload.contiguous)
            if len(self._hashing) > _HASHED_AT_ONCE:
                self._hashing.popitem(last=False)
        return whole

    async def _run(self, pool: Executor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def call() -> T:
            with storage_errors_as_files_errors():
                return function(*args, **kwargs)

        # A started write is not abandoned: its bytes must not be freed under it.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(pool, partial(call)))
