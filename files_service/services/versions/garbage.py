"""Deletion of the blobs of versions that were taken out of their files.

1. Before a change takes parts out of a file, a document names them. So a crash forgets none.
2. A sweep deletes those that their file does not name: at once, and again when no upload URL can bring bytes any more.
   A part that its file does not name is never named again: only versions that a file has are restored, and the upload
   of a version is deleted before the version is taken out, so that nothing absorbs it once more.
3. A document is kept for ``_GRACE_MS`` at least, because the change that it was written for may come after the sweep.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from files_service.core import Core
from files_service.domain.uploads import clean_after
from files_service.services import content
from files_service.services.cleaning import require_alone
from files_service.services.files import load_or_tombstone, require
from files_service.services.outages import require_stores
from files_service.services.quarantine import hold_parts, release_file
from storage_adapters import (
    JSON,
    Document,
    DocumentQuery,
    FileRecord,
    Part,
    RecordNotFound,
    RevisionConflict,
    StartsUploads,
    StorageUnavailable,
    SupportsDocuments,
    Tombstone,
)

COLLECTION = "version_garbage"
BATCH = 100
_PARTS = 100
_GRACE_MS = 3_600_000


def note_garbage(core: Core, record: FileRecord, parts: Sequence[Part]) -> None:
    """Name parts that the next change of this record takes out of its file. Idempotent."""
    documents = require(core.metadata, SupportsDocuments)
    now = core.clock()
    session_ms = core.blobs.upload_seconds * 1000 if isinstance(core.blobs, StartsUploads) else 0
    due_at = max(now + _GRACE_MS, clean_after(record, now=now, session_ms=session_ms))
    for first in range(0, len(parts), _PARTS):
        some = parts[first : first + _PARTS]
        name = f"{record.file_id}.{record.revision}.{_digest(some)}"
        hold_parts(core, record.owner, name, some, clean_after=due_at)
        body: JSON = {
            "file_id": record.file_id,
            "owner": record.owner,
            "due_at": due_at,
            "parts": [
                {name: getattr(part, name) for name in ("part_id", "size", "bucket", "key", "generation")}
                for part in some
            ],
        }
        document = Document(
            collection=COLLECTION, document_id=name, order=_order(now), body=body, updated_at=core.clock()
        )
        # An earlier try of this change has named them. One with other parts, at this revision, has another name.
        with suppress(RevisionConflict):
            documents.put_document(document, expected_revision=0)


def _digest(parts: Sequence[Part]) -> str:
    keys = "\0".join(part.key for part in parts)
    return hashlib.sha256(keys.encode(errors="surrogatepass")).hexdigest()[:32]


def sweep_garbage(core: Core) -> int:
    """Delete the blobs of a bounded number of versions that their files do not have; return how many were due."""
    documents = core.metadata
    if not isinstance(documents, SupportsDocuments):
        return 0
    query = DocumentQuery(collection=COLLECTION, end=_order(core.clock() + 1), limit=BATCH)
    found = documents.find_documents(query, now=core.clock()).documents
    return sum(_treat(core, documents, each) for each in found)


def _treat(core: Core, documents: SupportsDocuments, document: Document) -> bool:
    """Delete what is no longer named; return False when another sweep, or a later one, is to do the rest."""
    body, now = document.body, core.clock()
    try:
        named, is_readable = _named(core, body["file_id"]), True
    except StorageUnavailable:
        # Of this file alone, as one that a newer version of the service wrote.
        require_stores(core)
        named, is_readable = None, False
    dropped = [part for part in map(_part, body["parts"]) if named is not None and part.key not in named]
    deleted = [_delete(core, part) for part in dropped if part.bucket == core.blobs.bucket]
    is_protected = not (is_readable and all(deleted))
    is_whole = len(dropped) == len(body["parts"])
    with suppress(RevisionConflict):
        if now >= body["due_at"] and not is_protected:
            release_file(core, document.document_id, body["owner"])
            documents.delete_document(
                COLLECTION, document.document_id, expected_revision=document.revision, deleted_at=now
            )
            return True
        # The change may be still to come, or a retention may end: look again soon.
        soon = now + core.settings.sweep_interval_seconds * 1000
        again_at = soon if is_protected else body["due_at"] if is_whole else min(body["due_at"], soon)
        documents.put_document(
            replace(document, order=_order(again_at), updated_at=now), expected_revision=document.revision
        )
        return bool(dropped) and not is_protected
    return False


def _delete(core: Core, part: Part) -> bool:
    """Delete the blob of a part; return False when it stays. Raises StorageUnavailable in an outage."""
    try:
        content.delete(core, part)
    except StorageUnavailable as error:
        require_alone(core, error)
        return False
    return True


def _named(core: Core, file_id: str) -> set[str] | None:
    """Return the keys of the parts that a file names; None where that is unknown, and its blobs are to stay."""
    try:
        found = load_or_tombstone(core, file_id)
    except RecordNotFound:
        return None
    if isinstance(found, Tombstone):
        # A file that was removed without its blobs may have had these, too.
        return set() if found.clean_after > found.deleted_at else None
    return {part.key for part in found.stored_parts}


def _part(value: dict[str, Any]) -> Part:
    return Part(**value, type="file", content_type="", received_at=0)


def _order(at: int) -> str:
    return f"{at:015}"
