"""Writer of an upload: threads hash and store the bytes of one sender in order while the next bytes are read."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import BoundedSemaphore, Lock
from typing import Any

from files_service.core import Core
from files_service.domain.chunking import room_until
from files_service.services.quarantine import hold_chunks
from files_service.services.uploads.chunk_store import ChunkStore, Stored
from files_service.services.uploads.hashing import Hashes, WholeHash
from files_service.services.uploads.quota import charge_growth, require_room_for_more
from storage_adapters import Chunk, Ranges, StorageError, SupportsUploads, Upload

KIB = 1024
# Chunks that are written at once, of all senders and of one sender. They limit the memory, together with the buffer
# that each sender fills. With many senders, chunks are shorter.
IN_FLIGHT = 4
IN_FLIGHT_OF_ONE = 3
SHARED_BYTES = 32 * KIB * KIB
LEAST_CHUNK = 256 * KIB
# From this size on, the rest of a broken connection is stored as a chunk of its own.
LEAST_REST = 16 * KIB
_SPARE = 2
_NAMED_AT_ONCE = 200


class Engine:
    """Threads and memory that all senders of a process share."""

    def __init__(self, core: Core, uploads: SupportsUploads) -> None:
        self.core = core
        self.chunks = ChunkStore(core, uploads)
        self.hashes = Hashes()
        self.pool = ThreadPoolExecutor(4, thread_name_prefix="chunk")
        self.hashers = ThreadPoolExecutor(2, thread_name_prefix="hash")
        self.places = BoundedSemaphore(IN_FLIGHT)
        self._spare: list[bytearray] = []
        self._senders = 0
        self._lock = Lock()

    def cut_size(self, chunk_size: int) -> int:
        """Return the length of chunks while the current number of senders shares the memory."""
        size = chunk_size
        while size > LEAST_CHUNK and size % 2 == 0 and size * self._senders > SHARED_BYTES:
            size //= 2
        return size

    def hash_of(self, upload: Upload) -> WholeHash:
        """Return the checksums of the whole upload, as far as this process has them."""
        return self.hashes.of(_name_of(upload), with_md5=bool(upload.details.get("md5")))

    def forget_hash(self, upload: Upload) -> None:
        """Forget the checksums of a complete upload."""
        self.hashes.forget(_name_of(upload))

    def enter(self) -> None:
        """Count a sender."""
        with self._lock:
            self._senders += 1

    def leave(self) -> None:
        """Stop counting a sender."""
        with self._lock:
            self._senders -= 1

    def take_buffer(self, size: int) -> bytearray:
        """Return a buffer for a chunk, preferably a used one, whose memory is mapped already."""
        with self._lock:
            for index, spare in enumerate(self._spare):
                if len(spare) == size:
                    return self._spare.pop(index)
        return bytearray(size)

    def give_back(self, buffer: bytearray) -> None:
        """Keep the buffer for the next chunk, up to a limit."""
        with self._lock:
            if len(self._spare) < _SPARE:
                self._spare.append(buffer)

    def close(self) -> None:
        """Drop queued work and let running work end."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.hashers.shutdown(wait=False, cancel_futures=True)


def _arrived(chunks: ChunkStore, upload: Upload) -> Ranges:
    """Return the stored ranges of an upload; only gaps need a request to the store."""
    if upload.received == upload.contiguous:
        return Ranges([(0, upload.contiguous)] if upload.contiguous else [])
    return chunks.arrived(upload)


def _name_of(upload: Upload) -> str:
    # After a mismatch, an upload starts again under the same id.
    return f"{upload.upload_id}:{upload.created_at}"


class _Load:
    """A buffer that two threads use; the last one to finish frees it and its place in the queue."""

    def __init__(self, engine: Engine, buffer: bytearray) -> None:
        self._engine, self._users, self._lock = engine, 2, Lock()
        self._buffer: bytearray | None = buffer

    def let_go(self, _: Future[Any]) -> None:
        """Release the buffer after the last of its users."""
        with self._lock:
            self._users -= 1
            if self._users:
                return
        # Futures refer to their callbacks, and the stream keeps some futures for a while.
        buffer, self._buffer = self._buffer, None
        assert buffer is not None
        self._engine.give_back(buffer)
        self._engine.places.release()


class Stream:
    """A writer of an upload from an offset on. Used by one thread at a time; ``finish`` or ``abort`` ends it.

    With ``check``, a hash object, no chunk is appended to the upload before ``finish``, because bytes do not count
    until their checksum is compared.
    """

    def __init__(self, engine: Engine, upload: Upload, offset: int, *, check: Any = None) -> None:
        self.place = self._beginning = offset
        self._engine, self._upload, self._check = engine, upload, check
        self._whole = engine.hash_of(upload)
        if offset == upload.contiguous:
            self._whole.begin(offset)
        self._arrived = _arrived(engine.chunks, upload)
        self._latest: Upload | None = None
        self._buffer: bytearray | None = None
        self._room = self._filled = 0
        self._running: deque[tuple[Future[Stored], Future[None]]] = deque()
        self._kept: list[Chunk] = []
        self._ended = False
        engine.enter()

    @property
    def received(self) -> int:
        """Number of bytes that were taken, stored or not."""
        return self.place + self._filled - self._beginning

    def room(self, most: int) -> memoryview:
        """Return the buffer for the next bytes, at least one. Raises the error of earlier bytes."""
        if self._buffer is None:
            self._make_room()
        assert self._buffer is not None
        return memoryview(self._buffer)[self._filled : min(self._room, self._filled + most)]

    def advance(self, count: int) -> None:
        """Take the bytes that were put into the buffer."""
        self._filled += count
        if self._filled == self._room:
            self._hand_over()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes."""
        rest = memoryview(data).cast("B")
        while rest:
            room = self.room(len(rest))
            room[:] = rest[: len(room)]
            rest = rest[len(room) :]
            self.advance(len(room))

    def flush(self) -> None:
        """Return once all bytes are on stable storage and in the checksum. Raises the first error."""
        self._hand_over()
        self._drain()

    def finish(self) -> Upload:
        """Store all bytes and return the upload."""
        try:
            self.flush()
            if self._check is not None:
                self._require_room(self.place, sum(chunk.size for chunk in self._kept))
                for start in range(0, len(self._kept), _NAMED_AT_ONCE):
                    self._latest = self._engine.chunks.name(self._upload, self._kept[start : start + _NAMED_AT_ONCE])
                self._kept.clear()
            return self._latest or self._engine.chunks.uploads.get_upload(self._upload.upload_id)
        except BaseException:
            self._whole.spoil()
            # The error of the sender is the one to tell.
            with suppress(StorageError):
                self._hold_kept()
            raise
        finally:
            self._end()

    def abort(self) -> None:
        """End a broken upload; stored bytes stay unless they wait for a checksum. Harmless after ``finish``."""
        if self._ended:
            return
        try:
            if self._check is None and self._filled >= LEAST_REST:
                self._hand_over()
            self._drain()
            self._hold_kept()
        except Exception:  # noqa: BLE001 - the client is gone; the next sender gets the error
            self._whole.spoil()
        finally:
            self._end()

    def _make_room(self) -> None:
        cut = self._engine.cut_size(self._upload.chunk_size)
        self._room = room_until(self.place, cut)
        self._buffer = self._engine.take_buffer(cut)
        self._filled = 0

    def _hand_over(self) -> None:
        """Let threads store the buffer, and wait while too many chunks are in flight."""
        if self._buffer is None or not self._filled:
            return
        while len(self._running) >= IN_FLIGHT_OF_ONE:
            self._await_one()
        buffer, data = self._buffer, memoryview(self._buffer)[: self._filled]
        self._buffer = None
        if self._check is not None:
            self._check.update(data)
        engine = self._engine
        engine.places.acquire()
        offset, self.place = self.place, self.place + self._filled
        self._filled = 0
        try:
            hashing = self._whole.feed(offset, data, engine.hashers)
            storing = engine.pool.submit(self._store, offset, data)
        except BaseException:
            engine.places.release()
            raise
        load = _Load(engine, buffer)
        for future in (hashing, storing):
            future.add_done_callback(load.let_go)
        self._running.append((storing, hashing))

    def _store(self, offset: int, data: memoryview) -> Stored:
        if self._check is not None:
            return Stored([self._engine.chunks.keep(self._upload, offset, data)], self._upload)
        self._require_room(offset + len(data), len(data))
        return self._engine.chunks.store(self._upload, offset, data, self._arrived)

    def _require_room(self, end: int, size: int) -> None:
        """Check the quota of an upload without a size; a declared size was checked when it was declared."""
        if self._upload.size is None:
            require_room_for_more(self._engine.core, self._upload, size, end=end)
            charge_growth(self._engine.core, self._upload, size)

    def _await_one(self) -> None:
        storing, hashing = self._running.popleft()
        try:
            stored = storing.result()
        finally:
            hashing.result()
        if self._check is not None:
            self._kept += stored.chunks
        elif self._latest is None or stored.upload.received >= self._latest.received:
            # Chunks are appended in any order; the upload with the most bytes is the newest.
            self._latest = stored.upload

    def _drain(self) -> None:
        """Wait for all chunks in flight; raise the first error."""
        error: BaseException | None = None
        while self._running:
            try:
                self._await_one()
            except Exception as raised:  # noqa: BLE001 - raised below
                error = error or raised
        if error is not None:
            raise error

    def _hold_kept(self) -> None:
        """Count the chunks of refused bytes, which no upload names."""
        hold_chunks(self._engine.core, self._upload.owner, sum(chunk.size for chunk in self._kept))
        self._kept.clear()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._engine.leave()
            self._buffer = None
