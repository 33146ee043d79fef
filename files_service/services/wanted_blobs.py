"""The blobs that must be in the blob store: a walk over everything that names stored bytes.

What the walk meets has been acknowledged, so a blob of it that is nowhere is lost. It does not decide on deletions
alone: bytes on their way, or kept for another reason, have a claim by ``blob_claims``, which looks at one key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from files_service.core import Core
from files_service.domain.chunking import chunk_key, chunk_key_beside, manifest_of
from files_service.services.content import chunks_of
from files_service.services.files import load_owning
from storage_adapters import (
    FileRecord,
    ListQuery,
    Part,
    RecordNotFound,
    StorageUnavailable,
    SupportsUploads,
    Tombstone,
    UploadStatus,
)

PAGE = 100
_ORDER = ListQuery(section=None, order_by="created_at", descending=False, limit=PAGE)
# Later than the end of any upload, so that all open ones are found.
_FAR = 10**14
_MOST_UPLOADS = 1_000_000


@dataclass(frozen=True, slots=True)
class WantedBlob:
    """A blob that must be there, and the first part in which its bytes are missed when it is not.

    ``file_id`` is "" for the chunk of an upload that fills no part yet. ``generation`` is "" where the metadata name
    none.
    """

    key: str
    file_id: str = ""
    part_key: str = ""
    offset: int = 0
    generation: str = ""


def wanted_blobs(core: Core) -> Iterator[WantedBlob]:
    """Yield every blob that records and uploads name, some of them repeatedly. Raises StorageUnavailable.

    A part that moves from one file to another meanwhile, as that of a version does, may be passed over.
    """
    # Uploads first: one that is completed later is met as a part of its file.
    yield from _of_uploads(core)
    query: ListQuery | None = _ORDER
    while query is not None:
        page = core.metadata.find(query)
        if page.unreadable:
            message = f"file {page.unreadable[0]!r} has a value that this version does not know: use a newer one"
            raise StorageUnavailable(message)
        for record in page.records:
            yield from blobs_of_record(core, record)
        query = None if page.next_position is None else replace(_ORDER, after=page.next_position)


def blobs_of_record(core: Core, record: FileRecord) -> Iterator[WantedBlob]:
    """Yield the blobs of the content, of versions and of derived parts that have been received."""
    for part in record.stored_parts:
        if part.received_at is not None and part.bucket == core.blobs.bucket:
            yield from _of_part(core, record, part)


def _of_part(core: Core, record: FileRecord, part: Part) -> Iterator[WantedBlob]:
    upload_id = manifest_of(part)
    if upload_id is None:
        yield WantedBlob(part.key, record.file_id, part.key, generation=part.generation or "")
        return
    for chunk in chunks_of(core, upload_id):
        yield WantedBlob(chunk_key_beside(part.key, chunk), record.file_id, part.key, chunk.offset)


def _of_uploads(core: Core) -> Iterator[WantedBlob]:
    """Yield the chunks of open uploads, partial ones too; those that are being deleted name nothing."""
    uploads = core.metadata
    if not isinstance(uploads, SupportsUploads):
        return
    found = uploads.expired_uploads(now=_FAR, limit=_MOST_UPLOADS)
    if len(found) == _MOST_UPLOADS:
        raise StorageUnavailable("there are more open uploads than one walk takes")
    for upload in found:
        if upload.status is UploadStatus.OPEN:
            for chunk in chunks_of(core, upload.upload_id):
                yield WantedBlob(chunk_key(upload.domain, chunk.object_id, chunk.token))


def is_still_wanted(core: Core, blob: WantedBlob) -> bool:
    """Return True when the file of a blob, or its upload, still names it as stored. Raises StorageUnavailable."""
    if not blob.file_id:
        return any(each.key == blob.key for each in _of_uploads(core))
    try:
        record = load_owning(core, blob.file_id)
    except RecordNotFound:
        return False
    if isinstance(record, Tombstone):
        return False
    parts = [part for part in record.stored_parts if part.key == blob.part_key and part.received_at is not None]
    return any(each.key == blob.key for part in parts for each in _of_part(core, record, part))
