"""Bytes in quarantine: deleted, but still stored. They count against the quota of their owner until they are gone.

They are kept only where a quota applies to the owner or its tenant, as documents in the order of the hash of their
owner:

1. A removed file has a document of its own, from before its tombstone is written until its blobs are deleted; so have
   the parts of removed versions.
2. Chunks that nothing names any more, of removed files and of deleted or refused uploads, are summed by windows of
   time. The sum of a window counts until the sweep has had time to delete the last of its chunks.

Errors are on the side of too many bytes: chunks that another upload names count too, and so do refused bytes that were
sent twice. Each page is read in the order of ids, files before windows, so that bytes that move to a window are never
missed.
"""

from __future__ import annotations

from collections.abc import Iterable

from files_service.core import Core
from files_service.domain.chunking import SPENT, manifest_of, upload_id_of_part
from files_service.domain.derived import without_derived
from files_service.domain.uploads import owner_segment
from files_service.services.accounts.quotas import quotas_of
from storage_adapters import (
    Document,
    DocumentNotFound,
    DocumentQuery,
    FileRecord,
    Part,
    RevisionConflict,
    SupportsDocuments,
    SupportsUploads,
    Upload,
    UploadNotFound,
)

COLLECTION = "quarantine"
_PAGE = 1_000
_WINDOWS = 8
_SHORTEST_WINDOW_MS = 1_000
# The document of a removal that never took place, or of blobs that cannot be deleted, counts for so much longer.
_LEFT_MS = 24 * 3_600_000


def held_bytes(core: Core, owner: str) -> int:
    """Return the bytes of an owner that are deleted and still stored."""
    documents = _documents(core, owner)
    if documents is None:
        return 0
    query = DocumentQuery(collection=COLLECTION, prefix=owner_segment(owner), limit=_PAGE)
    return sum(int(each.body["bytes"]) for each in documents.walk_documents(query, now=core.clock()))


def hold_file(core: Core, record: FileRecord, *, clean_after: int) -> None:
    """Count the stored bytes of a file that is about to be removed. Idempotent."""
    hold_parts(core, record.owner, record.file_id, record.stored_parts, clean_after=clean_after)


def hold_parts(core: Core, owner: str, name: str, parts: Iterable[Part], *, clean_after: int) -> None:
    """Count the stored bytes of parts that are about to be removed, under a name. Idempotent."""
    documents = _documents(core, owner)
    if documents is None:
        return
    # Derived parts count in no quota, neither before nor now.
    parts = without_derived(parts)
    chunks = sum(_chunk_bytes(core, part) for part in parts)
    blobs = sum(part.size for part in parts if part.received_at is not None and manifest_of(part) is None)
    if not chunks + blobs:
        return
    body = {"bytes": chunks + blobs, "chunks": chunks}
    document = _document(core, owner, f"file.{name}", body, until=clean_after + _LEFT_MS)
    try:
        documents.put_document(document, expected_revision=_revision(core, documents, document.document_id))
    except RevisionConflict:
        # A concurrent removal of the same file has counted it.
        return


def release_file(core: Core, file_id: str, owner: str) -> None:
    """Count only the chunks of a removed file, whose blobs are deleted and whose uploads are forgotten. Idempotent."""
    documents = _documents(core, owner)
    if documents is None:
        return
    try:
        found = documents.get_document(COLLECTION, f"file.{file_id}", now=core.clock())
        _hold(core, documents, owner, found.body["chunks"])
        documents.delete_document(
            COLLECTION, found.document_id, expected_revision=found.revision, deleted_at=core.clock()
        )
    except (DocumentNotFound, RevisionConflict):
        return


def hold_upload(core: Core, upload: Upload) -> None:
    """Count the chunks of a deleted upload; those of a spent one count with the file that it was joined into."""
    if not upload.details.get(SPENT):
        hold_chunks(core, upload.owner, upload.received)


def hold_chunks(core: Core, owner: str, size: int) -> None:
    """Count bytes in chunks that nothing names, or will name in a moment."""
    documents = _documents(core, owner)
    if documents is not None:
        _hold(core, documents, owner, size)


def _documents(core: Core, owner: str) -> SupportsDocuments | None:
    documents = core.metadata
    return documents if isinstance(documents, SupportsDocuments) and quotas_of(core, owner).limited else None


def _hold(core: Core, documents: SupportsDocuments, owner: str, size: int) -> None:
    """Add bytes to the window of this moment; beside it, when another writer was faster."""
    if not size:
        return
    quarantine = core.settings.chunk_quarantine_seconds * 1000
    width = max(_SHORTEST_WINDOW_MS, quarantine // _WINDOWS)
    number = core.clock() // width
    # A chunk is deleted by the sweep after its quarantine, and a sweep may take as long as the pause before it.
    until = (number + 1) * width + quarantine + 2 * core.settings.sweep_interval_seconds * 1000
    document_id = f"window.{owner_segment(owner)}.{number}"
    try:
        found: Document | None = documents.get_document(COLLECTION, document_id, now=core.clock())
    except DocumentNotFound:
        found = None
    counted = found.body["bytes"] if found is not None else 0
    document = _document(core, owner, document_id, {"bytes": counted + size}, until=until)
    try:
        documents.put_document(document, expected_revision=found.revision if found is not None else 0)
    except RevisionConflict:
        beside = _document(core, owner, f"{document_id}.{core.new_id()}", {"bytes": size}, until=until)
        documents.put_document(beside, expected_revision=0)


def _document(core: Core, owner: str, document_id: str, body: dict[str, int], *, until: int) -> Document:
    return Document(
        collection=COLLECTION,
        document_id=document_id,
        body=body,
        order=owner_segment(owner),
        expires_at=until,
        updated_at=core.clock(),
    )


def _revision(core: Core, documents: SupportsDocuments, document_id: str) -> int:
    try:
        return documents.get_document(COLLECTION, document_id, now=core.clock()).revision
    except DocumentNotFound:
        return 0


def _chunk_bytes(core: Core, part: Part) -> int:
    """Return the bytes of a part that are stored in chunks, received or not."""
    if manifest_of(part) is not None:
        return part.size
    upload_id = upload_id_of_part(part) if part.received_at is None else None
    if upload_id is None or not isinstance(core.metadata, SupportsUploads):
        return 0
    try:
        return core.metadata.get_upload(upload_id).received
    except UploadNotFound:
        return 0
