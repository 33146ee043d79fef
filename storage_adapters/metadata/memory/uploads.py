"""Uploads and their chunks in memory: the part of the memory store that keeps what is not a record."""

from __future__ import annotations

import secrets
from _thread import RLock
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from storage_adapters.errors import ChunkGone, UploadConflict, UploadNotFound
from storage_adapters.ports.uploads import (
    Chunk,
    ChunkReservation,
    GarbageChunk,
    SupportsUploads,
    Upload,
    UploadStatus,
    new_token,
)
from storage_adapters.ranges import Ranges


@dataclass(slots=True)
class _Arrival:
    upload: Upload
    chunks: dict[int, Chunk] = field(default_factory=dict)
    ranges: Ranges = field(default_factory=Ranges)


@dataclass(slots=True)
class _Place:
    token: str
    named: int = 0
    stored: bool = False
    unused_since: int = 0


class MemoryUploads(SupportsUploads):
    """Dicts behind one lock."""

    def __init__(self) -> None:
        super().__init__()
        self._uploads_lock = RLock()
        self._uploads: dict[str, _Arrival] = {}
        self._places: dict[tuple[str, str], _Place] = {}
        self._garbage: dict[str, GarbageChunk] = {}

    def create_upload(self, upload: Upload) -> Upload:
        """See ``SupportsUploads``."""
        with self._uploads_lock:
            kept = replace(upload, details=dict(upload.details))
            return self._uploads.setdefault(upload.upload_id, _Arrival(kept)).upload

    def get_upload(self, upload_id: str) -> Upload:
        """See ``SupportsUploads``."""
        with self._uploads_lock:
            return self._arrival(upload_id).upload

    def open_uploads(self, owner: str, *, limit: int) -> list[Upload]:
        """See ``SupportsUploads``."""
        with self._uploads_lock:
            uploads = [arrival.upload for arrival in self._uploads.values()]
        return [each for each in uploads if each.owner == owner and each.status is UploadStatus.OPEN][:limit]

    def set_size(self, upload_id: str, size: int) -> Upload:
        """See ``SupportsUploads``."""
        with self._uploads_lock:
            arrival = self._arrival(upload_id)
            end = max((end for _, end in arrival.ranges.as_list()), default=0)
            if arrival.upload.size not in (None, size) or end > size:
                raise UploadConflict(f"the upload is not of {size} bytes")
            arrival.upload = replace(arrival.upload, size=size)
            return arrival.upload

    def annotate(self, upload_id: str, details: Mapping[str, Any]) -> Upload:
        """See ``SupportsUploads``."""
        with self._uploads_lock:
            arrival = self._arrival(upload_id)
            arrival.upload = replace(arrival.upload, details={**arrival.upload.details, **details})
            return arrival.upload

    def append_chunks(self, upload_id: str, chunks: Sequence[Chunk], *, expires_at: int) -> Upload:
        """See ``SupportsUploads``."""
        with self._uploads_lock:
            arrival = self._arrival(upload_id)
            upload = arrival.upload
            known = [chunk for chunk in chunks if arrival.chunks.get(chunk.offset) == chunk]
            fresh = [chunk for chunk in chunks if chunk not in known]
            if fresh and upload.status is not UploadStatus.OPEN:
                raise UploadConflict("the upload takes no more bytes")
            ranges = Ranges(arrival.ranges.as_list())
            for chunk in fresh:
                if upload.size is not None and chunk.end > upload.size:
                    raise UploadConflict(f"the upload ends at {upload.size}")
                if ranges.overlaps(chunk.offset, chunk.end):
                    raise UploadConflict(f"other bytes are at offset {chunk.offset}")
                place = self._places.get((upload.domain, chunk.object_id))
                if place is None or place.token != chunk.token:
                    raise ChunkGone(chunk.object_id)
                ranges.add(chunk.offset, chunk.end)
            for chunk in fresh:
                arrival.chunks[chunk.offset] = replace(chunk, chunk_domain=upload.chunk_domain)
                place = self._places[upload.domain, chunk.object_id]
                place.named, place.stored = place.named + 1, True
            arrival.ranges = ranges
            arrival.upload = replace(
                upload,
                received=upload.received + sum(chunk.size for chunk in fresh),
                chunks=upload.chunks + len(fresh),
                contiguous=ranges.contiguous,
                expires_at=max(upload.expires_at, expires_at),
            )
            return arrival.upload

    def list_chunks(self, upload_id: str, *, offset: int = 0, limit: int) -> list[Chunk]:
        """See ``SupportsUploads``."""
        with self._uploads_lock:
            arrival = self._uploads.get(upload_id)
            chunks = list(arrival.chunks.values()) if arrival else []
        return sorted((each for each in chunks if each.end > offset), key=lambda chunk: chunk.offset)[:limit]

    def ranges(self, upload_id: str) -> list[tuple[int, int]]:
        """See ``SupportsUploads``."""
        with self._uploads_lock:
            arrival = self._uploads.get(upload_id)
            return arrival.ranges.as_list() if arrival else []

    def seal_upload(self, upload_id: str, *, sealed_at: int, sha256: str | None, md5: str | None) -> Upload:
        """See ``SupportsUploads``."""
        with self._uploads_lock:
            arrival = self._arrival(upload_id)
            if arrival.upload.status is UploadStatus.OPEN:
                if not arrival.upload.complete:
                    raise UploadConflict("bytes are missing")
                arrival.upload = replace(
                    arrival.upload, status=UploadStatus.SEALED, sealed_at=sealed_at, sha256=sha256, md5=md5
                )
            return arrival.upload

    def delete_upload(self, upload_id: str, *, now: int, only_expired: bool = False) -> bool:
        """See ``SupportsUploads``."""
        with self._uploads_lock:
            arrival = self._uploads.get(upload_id)
            if arrival is None or (only_expired and not _is_expired(arrival.upload, now)):
                return False
            del self._uploads[upload_id]
            for chunk in arrival.chunks.values():
                place = self._places[arrival.upload.domain, chunk.object_id]
                place.named, place.unused_since = place.named - 1, max(place.unused_since, now)
            return True

    def expired_uploads(self, *, now: int, limit: int) -> list[Upload]:
        """See ``SupportsUploads``."""
        with self._uploads_lock:
            uploads = [arrival.upload for arrival in self._uploads.values()]
        return [each for each in uploads if _is_expired(each, now)][:limit]

    def reserve_chunks(self, domain: str, object_ids: Sequence[str], *, now: int) -> list[ChunkReservation]:
        """See ``SupportsUploads``."""
        found = []
        with self._uploads_lock:
            for object_id in object_ids:
                fresh = _Place(new_token(secrets.token_bytes(8)))
                place = self._places.setdefault((domain, object_id), fresh)
                place.unused_since = max(place.unused_since, now)
                found.append(ChunkReservation(object_id=object_id, token=place.token, stored=place.stored))
        return found

    def chunk_tokens(self, domain: str, object_ids: Sequence[str]) -> list[str | None]:
        """See ``SupportsUploads``."""
        with self._uploads_lock:
            places = [self._places.get((domain, object_id)) for object_id in object_ids]
        return [place.token if place is not None else None for place in places]

    def mark_garbage(self, *, unused_before: int, limit: int) -> list[GarbageChunk]:
        """See ``SupportsUploads``."""
        with self._uploads_lock:
            due = [key for key, place in self._places.items() if not place.named and place.unused_since < unused_before]
            for domain, object_id in due[: max(0, limit - len(self._garbage))]:
                token = self._places.pop((domain, object_id)).token
                self._garbage[token] = GarbageChunk(domain=domain, object_id=object_id, token=token)
            return list(self._garbage.values())[:limit]

    def forget_garbage(self, garbage: Sequence[GarbageChunk]) -> None:
        """See ``SupportsUploads``."""
        with self._uploads_lock:
            for each in garbage:
                self._garbage.pop(each.token, None)

    def _arrival(self, upload_id: str) -> _Arrival:
        if upload_id not in self._uploads:
            raise UploadNotFound(f"no upload {upload_id}")
        return self._uploads[upload_id]


def _is_expired(upload: Upload, now: int) -> bool:
    return upload.status is UploadStatus.OPEN and upload.expires_at <= now
