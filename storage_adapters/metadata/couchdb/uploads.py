"""Uploads in chunks: a database of their own, see ``upload_documents`` and ``chunk_refs``."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from storage_adapters.errors import StorageUnavailable, UploadConflict, UploadNotFound
from storage_adapters.metadata.couchdb.chunk_refs import ChunkPlaces
from storage_adapters.metadata.couchdb.database import Database, new_write_id
from storage_adapters.metadata.couchdb.keys import owner_digest, place_of
from storage_adapters.metadata.couchdb.upload_documents import (
    Arrival,
    Manifest,
    arrival_document,
    deletion,
    parse_arrival,
    upload_document_id,
    write_once,
)
from storage_adapters.metadata.couchdb.views import UPLOADS
from storage_adapters.ports.uploads import Chunk, ChunkReservation, GarbageChunk, SupportsUploads, Upload, UploadStatus
from storage_adapters.records import JSON

_ATTEMPTS = 200
_PAGE = 1_000
_LONGEST_PAUSE_SECONDS = 0.02


class CouchUploads(SupportsUploads):
    """The part of the CouchDB store that keeps uploads."""

    _uploads: Database

    def create_upload(self, upload: Upload) -> Upload:
        """See ``SupportsUploads``."""
        fresh = replace(upload, status=UploadStatus.OPEN, received=0, chunks=0, contiguous=0)
        self._uploads.put(arrival_document(Arrival(upload=fresh, run=new_write_id())))
        return self.get_upload(upload.upload_id)

    def get_upload(self, upload_id: str) -> Upload:
        """See ``SupportsUploads``."""
        return self._arrival(upload_id).upload

    def open_uploads(self, owner: str, *, limit: int) -> list[Upload]:
        """See ``SupportsUploads``."""
        rows = self._uploads.view(UPLOADS.name, key=["open", owner_digest(owner)], limit=limit)
        return [each for each in self._read(rows) if each.owner == owner and each.status is UploadStatus.OPEN]

    def set_size(self, upload_id: str, size: int) -> Upload:
        """See ``SupportsUploads``."""

        def decide(arrival: Arrival) -> Arrival:
            if arrival.upload.size not in (None, size) or arrival.end > size:
                raise UploadConflict(f"the upload is not of {size} bytes")
            return replace(arrival, upload=replace(arrival.upload, size=size))

        return self._change(upload_id, decide)

    def annotate(self, upload_id: str, details: Mapping[str, Any]) -> Upload:
        """See ``SupportsUploads``."""

        def decide(arrival: Arrival) -> Arrival:
            upload = arrival.upload
            return replace(arrival, upload=replace(upload, details={**upload.details, **details}))

        return self._change(upload_id, decide)

    def append_chunks(self, upload_id: str, chunks: Sequence[Chunk], *, expires_at: int) -> Upload:
        """See ``SupportsUploads``."""
        manifest, places = Manifest(self._uploads), ChunkPlaces(self._uploads)

        def decide(arrival: Arrival) -> Arrival:
            upload = arrival.upload
            fresh = manifest.fresh(arrival, chunks)
            if fresh:
                if upload.status is not UploadStatus.OPEN:
                    raise UploadConflict("the upload takes no more bytes")
                manifest.require_room(arrival, fresh)
                write_once(self._uploads, [*manifest.documents(arrival), *places.references(arrival, fresh)])
                places.name(upload.domain, fresh)
            return manifest.extended(arrival, fresh, expires_at=expires_at)

        return self._change(upload_id, decide)

    def list_chunks(self, upload_id: str, *, offset: int = 0, limit: int) -> list[Chunk]:
        """See ``SupportsUploads``."""
        arrival = self._find(upload_id)
        return [] if arrival is None else Manifest(self._uploads).listed(arrival, offset, limit)

    def ranges(self, upload_id: str) -> list[tuple[int, int]]:
        """See ``SupportsUploads``. What lies behind the first gap is read chunk by chunk."""
        arrival = self._find(upload_id)
        found: list[tuple[int, int]] = []
        if arrival is None:
            return found
        place = arrival.upload.contiguous
        if place:
            found.append((0, place))
        while place < arrival.end:
            batch = Manifest(self._uploads).listed(arrival, place, _PAGE)
            for chunk in batch:
                if found and found[-1][1] == chunk.offset:
                    found[-1] = (found[-1][0], chunk.end)
                else:
                    found.append((chunk.offset, chunk.end))
            if len(batch) < _PAGE:
                break
            place = batch[-1].end
        return found

    def seal_upload(self, upload_id: str, *, sealed_at: int, sha256: str | None, md5: str | None) -> Upload:
        """See ``SupportsUploads``."""

        def decide(arrival: Arrival) -> Arrival:
            upload = arrival.upload
            if upload.status is UploadStatus.SEALED:
                return arrival
            if not upload.complete:
                raise UploadConflict("bytes are missing")
            sealed = replace(upload, status=UploadStatus.SEALED, sealed_at=sealed_at, sha256=sha256, md5=md5)
            return replace(arrival, upload=sealed)

        return self._change(upload_id, decide)

    def delete_upload(self, upload_id: str, *, now: int, only_expired: bool = False) -> bool:
        """See ``SupportsUploads``."""
        document = self._uploads.get(upload_document_id(upload_id))
        if document is None:
            return False
        found = parse_arrival(document)
        if found.upload.status is not UploadStatus.DELETING:

            def decide(arrival: Arrival) -> Arrival:
                stays = arrival.run != found.run or (only_expired and not _is_expired(arrival.upload, now))
                return arrival if stays else replace(arrival, upload=_deleting(arrival.upload))

            try:
                if self._change(upload_id, decide).status is not UploadStatus.DELETING:
                    return False
            except UploadNotFound:
                return False
            document = self._uploads.get(upload_document_id(upload_id))
        if document is not None:
            self._delete(document, found.run, now)
        return True

    def expired_uploads(self, *, now: int, limit: int) -> list[Upload]:
        """See ``SupportsUploads``."""
        rows = self._uploads.view(UPLOADS.name, startkey=["due", ""], endkey=["due", place_of(now)[1]], limit=limit)
        return [each for each in self._read(rows) if each.status is UploadStatus.DELETING or _is_expired(each, now)]

    def reserve_chunks(self, domain: str, object_ids: Sequence[str], *, now: int) -> list[ChunkReservation]:
        """See ``SupportsUploads``."""
        return ChunkPlaces(self._uploads).reserve(domain, object_ids, now)

    def chunk_tokens(self, domain: str, object_ids: Sequence[str]) -> list[str | None]:
        """See ``SupportsUploads``."""
        return ChunkPlaces(self._uploads).tokens(domain, object_ids)

    def mark_garbage(self, *, unused_before: int, limit: int) -> list[GarbageChunk]:
        """See ``SupportsUploads``."""
        return ChunkPlaces(self._uploads).mark_garbage(unused_before, limit)

    def forget_garbage(self, garbage: Sequence[GarbageChunk]) -> None:
        """See ``SupportsUploads``."""
        ChunkPlaces(self._uploads).forget(garbage)

    def _delete(self, document: JSON, run: str, now: int) -> None:
        """Delete all that belongs to an upload under deletion."""
        arrival = parse_arrival(document)
        if arrival.run != run or arrival.upload.status is not UploadStatus.DELETING:
            # Another deletion came to its end, and the id came back since.
            return
        ChunkPlaces(self._uploads).release(arrival, now)
        Manifest(self._uploads).delete(arrival)
        self._uploads.bulk([deletion(document)])

    def _read(self, rows: Sequence[JSON]) -> list[Upload]:
        documents = self._uploads.documents(row["id"] for row in rows)
        return [parse_arrival(each).upload for each in documents if each is not None]

    def _find(self, upload_id: str) -> Arrival | None:
        document = self._uploads.get(upload_document_id(upload_id))
        arrival = None if document is None else parse_arrival(document)
        return None if arrival is None or arrival.upload.status is UploadStatus.DELETING else arrival

    def _arrival(self, upload_id: str) -> Arrival:
        arrival = self._find(upload_id)
        if arrival is None:
            raise UploadNotFound(f"no upload {upload_id}")
        return arrival

    def _change(self, upload_id: str, decide: Callable[[Arrival], Arrival]) -> Upload:
        """Write what is decided from an upload over the revision that was decided on."""
        for _ in range(_ATTEMPTS):
            arrival = self._arrival(upload_id)
            changed = decide(arrival)
            if changed == arrival or self._uploads.put(arrival_document(changed)) is not None:
                return changed.upload
            # Another writer was faster: let those who wait try at different times.
            time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))  # noqa: S311
        raise StorageUnavailable("couchdb: too many concurrent writers of the upload")


def _deleting(upload: Upload) -> Upload:
    return replace(upload, status=UploadStatus.DELETING)


def _is_expired(upload: Upload, now: int) -> bool:
    return upload.status is UploadStatus.OPEN and upload.expires_at <= now
