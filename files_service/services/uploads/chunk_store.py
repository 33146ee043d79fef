"""Storage of chunks: hash, reserve, write, append to the upload. Concurrent writers store each chunk once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from files_service.core import Core
from files_service.domain.chunking import chunk_key, wanted
from files_service.errors import BadRequest
from files_service.services.uploads.chunk_bytes import keep_whole, write_chunk, write_in_vain
from files_service.services.uploads.comparison import require_same_bytes
from storage_adapters import (
    Chunk,
    ChunkGone,
    Ranges,
    SupportsUploads,
    Upload,
    UploadConflict,
)

_ATTEMPTS = 20
# A chunk costs some files and a record, however small it is. Beyond a number of chunks for every upload, they must have
# this size on average; smaller ones are refused then.
AVERAGE_BYTES = 4 * 1024
MANY_CHUNKS = 256


@dataclass(frozen=True, slots=True)
class Stored:
    """New chunks, and the upload after the last of them."""

    chunks: list[Chunk]
    upload: Upload


class ChunkStore:
    """Store of the slices of uploads. Safe for several threads and processes."""

    def __init__(self, core: Core, uploads: SupportsUploads) -> None:
        self._core = core
        self.uploads = uploads

    def keep(self, upload: Upload, offset: int, data: memoryview, object_id: str | None = None) -> Chunk:
        """Store bytes without appending them to the upload; a stored copy that is lost or cut is written again.

        ``object_id`` is their hash where the caller has computed it. Raises BadRequest for one small slice too many.
        """
        _require_size(upload, offset, len(data))
        object_id = object_id or hashlib.sha256(data).hexdigest()
        [place] = self.uploads.reserve_chunks(upload.domain, [object_id], now=self._core.clock())
        key = chunk_key(upload.domain, object_id, place.token)
        if place.stored and upload.chunk_domain:
            # The sender must not learn by the time that another owner has these bytes.
            write_in_vain(self._core, upload.domain, data, object_id)
        if place.stored:
            keep_whole(self._core, key, data, object_id)
        else:
            write_chunk(self._core, key, data, object_id)
        return Chunk(offset=offset, size=len(data), object_id=object_id, token=place.token)

    def store(
        self,
        upload: Upload,
        offset: int,
        data: memoryview,
        arrived: Ranges | None = None,
        *,
        object_id: str | None = None,
    ) -> Stored:
        """Store bytes and append them to the upload; stored ranges stay as they are.

        ``arrived`` are the stored ranges that the caller knows, ``object_id`` is the hash that it has computed. Raises
        UploadConflict when other bytes are stored in a part of the range, or the upload rejects the bytes.
        """
        end = offset + len(data)
        if arrived is None or not arrived.overlaps(offset, end):
            return self._store(upload, offset, data, object_id)
        require_same_bytes(self._core, upload, offset, data)
        return self._store_all(upload, offset, data, wanted(upload, arrived, offset, end))

    def take(self, upload: Upload, offset: int, data: memoryview, object_id: str | None = None) -> tuple[str, Stored]:
        """Store bytes in any order, new or repeated; return their hash, and what was new of them.

        ``object_id`` is as for ``store``. Raises UploadConflict like ``store``.
        """
        arrived = self._arrived_within(upload, offset, offset + len(data))
        stored = self.store(upload, offset, data, arrived, object_id=object_id)
        if [chunk.size for chunk in stored.chunks] == [len(data)]:
            # Hashed already, as the name of the chunk.
            return stored.chunks[0].object_id, stored
        return object_id or hashlib.sha256(data).hexdigest(), stored

    def new_bytes(self, upload: Upload, start: int, end: int) -> int:
        """Return the number of bytes of a range that are not stored yet."""
        arrived = self._arrived_within(upload, start, end)
        return end - start if arrived is None else sum(stop - begin for begin, stop in arrived.gaps(start, end))

    def name(self, upload: Upload, chunks: list[Chunk]) -> Upload:
        """Append stored chunks to the upload."""
        return self.uploads.append_chunks(upload.upload_id, chunks, expires_at=self.expires_at())

    def expires_at(self) -> int:
        """Return the time at which an upload expires if nothing more is added."""
        return self._core.clock() + self._core.settings.upload_ttl_seconds * 1000

    def arrived(self, upload: Upload) -> Ranges:
        """Return the stored ranges of an upload."""
        return Ranges(self.uploads.ranges(upload.upload_id))

    def _arrived_within(self, upload: Upload, start: int, end: int) -> Ranges | None:
        """Return the stored ranges of an upload, None where none of them is in this range: one chunk tells that."""
        there = self.uploads.list_chunks(upload.upload_id, offset=start, limit=1)
        return self.arrived(upload) if there and there[0].offset < end else None

    def _store_all(self, upload: Upload, offset: int, data: memoryview, cuts: Iterable[tuple[int, int]]) -> Stored:
        chunks: list[Chunk] = []
        after = None
        for start, end in cuts:
            stored = self._store(upload, start, data[start - offset : end - offset])
            chunks += stored.chunks
            after = stored.upload
        return Stored(chunks, after or self.uploads.get_upload(upload.upload_id))

    def _store(self, upload: Upload, offset: int, data: memoryview, object_id: str | None = None) -> Stored:
        for _ in range(_ATTEMPTS):
            chunk = self.keep(upload, offset, data, object_id)
            object_id = chunk.object_id
            try:
                after = self.name(upload, [chunk])
            except ChunkGone:
                # The sweep deleted the chunk in between; store it again.
                continue
            except UploadConflict:
                return self._fill_gaps(upload, offset, data)
            return Stored([chunk], after)
        raise UploadConflict("the sweep deleted the chunk at every attempt")

    def _fill_gaps(self, upload: Upload, offset: int, data: memoryview) -> Stored:
        """Store the ranges that another sender has not stored.

        Raises UploadConflict when it has stored none, or other bytes.
        """
        gaps = wanted(upload, self.arrived(upload), offset, offset + len(data))
        if gaps == [(offset, offset + len(data))]:
            raise UploadConflict("the upload rejects these bytes")
        require_same_bytes(self._core, upload, offset, data)
        return self._store_all(upload, offset, data, gaps)


def _require_size(upload: Upload, offset: int, size: int) -> None:
    """Raise BadRequest for a small slice of an upload that has too many small ones, unless it is the last one."""
    least = min(AVERAGE_BYTES, upload.chunk_size)
    many = upload.chunks >= MANY_CHUNKS + upload.received // least
    if many and size < least and offset + size != upload.size:
        message = f"the upload has {upload.chunks} small slices: send slices of at least {least} bytes"
        raise BadRequest(message, {"field": "size", "limit": least})
