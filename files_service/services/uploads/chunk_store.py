"""Bring chunks to stable storage: hash, reserve a place, write the bytes, name them. Each once, however many try."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from files_service.core import Core
from files_service.domain.chunking import chunk_key, wanted
from storage_adapters import (
    BlobExists,
    Chunk,
    ChunkGone,
    Ranges,
    SupportsUploads,
    SupportsWholeWrites,
    Upload,
    UploadConflict,
)

CHUNK_TYPE = "application/octet-stream"
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Stored:
    """The chunks that were new, and the upload after the last of them."""

    chunks: list[Chunk]
    upload: Upload


class ChunkStore:
    """Stores slices of uploads. May be called from several threads and processes at once."""

    def __init__(self, core: Core, uploads: SupportsUploads) -> None:
        self._core = core
        self.uploads = uploads

    def keep(self, upload: Upload, offset: int, data: memoryview) -> Chunk:
        """Store bytes, without naming them in the upload yet."""
        object_id = hashlib.sha256(data).hexdigest()
        now = self._core.clock()
        [place] = self.uploads.reserve_chunks(upload.owner, [object_id], now=now)
        if not place.stored:
            self._write(chunk_key(upload.owner, object_id, place.token), data, object_id, now)
        return Chunk(offset=offset, size=len(data), object_id=object_id, token=place.token)

    def store(self, upload: Upload, offset: int, data: memoryview, arrived: Ranges | None = None) -> Stored:
        """Store bytes and name them. What has arrived before stays as it is.

        ``arrived`` is what the caller knows to be there. Raises UploadConflict when the upload takes no such bytes.
        """
        return self._store_all(upload, offset, data, _cut(upload, arrived, offset, offset + len(data)))

    def take(self, upload: Upload, offset: int, data: memoryview) -> tuple[str, Upload]:
        """Store bytes that come in any order, maybe for the second time; return their hash and the upload since.

        Raises UploadConflict when other bytes stand at exactly this place, or the upload takes none.
        """
        object_id = hashlib.sha256(data).hexdigest()
        there = self.uploads.list_chunks(upload.upload_id, offset=offset, limit=1)
        if there and there[0].offset < offset + len(data):
            [found] = there
            if (found.offset, found.size) == (offset, len(data)) and found.object_id != object_id:
                raise UploadConflict(f"other bytes stand at {offset}")
            stored = self.store(upload, offset, data, self.arrived(upload))
        else:
            stored = self.store(upload, offset, data)
        return object_id, stored.upload

    def name(self, upload: Upload, chunks: list[Chunk]) -> Upload:
        """Name chunks that were kept."""
        return self.uploads.append_chunks(upload.upload_id, chunks, expires_at=self.expires_at())

    def expires_at(self) -> int:
        """When an upload expires to which nothing is added from now on."""
        return self._core.clock() + self._core.settings.upload_ttl_seconds * 1000

    def arrived(self, upload: Upload) -> Ranges:
        """Return the stored ranges of an upload."""
        return Ranges(self.uploads.ranges(upload.upload_id))

    def _store_all(self, upload: Upload, offset: int, data: memoryview, cuts: Iterable[tuple[int, int]]) -> Stored:
        chunks: list[Chunk] = []
        after = None
        for start, end in cuts:
            stored = self._store(upload, start, data[start - offset : end - offset])
            chunks += stored.chunks
            after = stored.upload
        return Stored(chunks, after or self.uploads.get_upload(upload.upload_id))

    def _store(self, upload: Upload, offset: int, data: memoryview) -> Stored:
        for _ in range(_ATTEMPTS):
            chunk = self.keep(upload, offset, data)
            try:
                after = self.name(upload, [chunk])
            except ChunkGone:
                # Cleared away between the two: as slow as that was, it was not lost.
                continue
            except UploadConflict:
                return self._fill_gaps(upload, offset, data)
            return Stored([chunk], after)
        raise UploadConflict("chunks are cleared away faster than they can be named")

    def _fill_gaps(self, upload: Upload, offset: int, data: memoryview) -> Stored:
        """Another sender was faster with some of it. Raises UploadConflict when that is not the reason."""
        gaps = wanted(upload, self.arrived(upload), offset, offset + len(data))
        if gaps == [(offset, offset + len(data))]:
            raise UploadConflict("the upload takes no such bytes")
        return self._store_all(upload, offset, data, gaps)

    def _write(self, key: str, data: memoryview, object_id: str, now: int) -> None:
        blobs = self._core.blobs
        # A blob is written once, whole: who finds it there has nothing to do.
        with suppress(BlobExists):
            if isinstance(blobs, SupportsWholeWrites):
                blobs.write_whole(key, data, sha256=object_id, content_type=CHUNK_TYPE, now=now)
            else:
                blobs.put(key, [bytes(data)], content_type=CHUNK_TYPE, now=now, declared={"sha256": object_id})


def _cut(upload: Upload, arrived: Ranges | None, start: int, end: int) -> Iterator[tuple[int, int]]:
    if arrived is None or not arrived.overlaps(start, end):
        yield start, end
    else:
        yield from wanted(upload, arrived, start, end)
