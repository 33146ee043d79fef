"""Marks of lost parts: a field of the record, which doors read for nothing, and a document, by which they are found.

The record is written first and announces the change; a document whose record says otherwise is dropped when it is met.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any

from files_service.core import Core
from files_service.domain.chunking import upload_id_of_part
from files_service.domain.uploads import owner_segment
from files_service.domain.versions import is_lost, lost_keys, stored_part, with_lost, with_part
from files_service.errors import BytesLost
from files_service.services.files import MAX_RACES, change, require
from files_service.services.scrub.examination import Loss
from storage_adapters import (
    JSON,
    Document,
    DocumentNotFound,
    DocumentQuery,
    FileRecord,
    Part,
    RecordDeleted,
    RecordNotFound,
    RevisionConflict,
    StorageError,
    SupportsDocuments,
)

COLLECTION = "lost_parts"
PAGE = 100
# Keys of bad bytes that one mark remembers for their deletion.
MOST_ASIDE = 1_000


@dataclass(frozen=True, slots=True)
class LostPart:
    """A mark: the file and the part, the first loss that was found, and what is known of the bytes."""

    file_id: str
    part_id: str
    owner: str
    reason: str
    offset: int
    found_at: int
    firm: str
    size: int
    sha256: str | None
    md5: str | None
    # The id of the mark; it stays when the part becomes that of a version.
    mark: str = ""


def require_kept(record: FileRecord, part: Part) -> None:
    """Raise BytesLost for a part that is marked as lost."""
    if is_lost(record, part):
        details = {"file_id": record.file_id, "part_id": part.part_id}
        raise BytesLost(f"bytes of part {part.part_id} are lost", details)


def mark_lost(core: Core, record: FileRecord, part: Part, loss: Loss) -> bool:
    """Mark a part as lost and announce it; return False when the file was changed or removed meanwhile."""

    def decide(current: FileRecord) -> FileRecord:
        found = stored_part(current, part.key, part.bucket)
        if found is None or found.generation != part.generation:
            return current
        return with_lost(current, lost_keys(current) | {part.key})

    try:
        after = change(core, record.file_id, decide, event="lost")
    except (RecordNotFound, RecordDeleted):
        return False
    if part.key not in lost_keys(after):
        return False
    _note(core, after, part, loss)
    return True


def clear_mark(core: Core, record: FileRecord, part: Part, *, generation: str | None) -> None:
    """Take the mark from a part whose bytes are there, in the blob of this generation; announce the repair."""

    def decide(current: FileRecord) -> FileRecord:
        found = stored_part(current, part.key, part.bucket)
        if found is None:
            return current
        renewed = with_part(current, replace(found, generation=generation))
        return with_lost(renewed, lost_keys(current) - {part.key})

    with suppress(RecordNotFound, RecordDeleted):
        change(core, record.file_id, decide, event="repaired")
    _delete(core, _id_of(record, part))


def note_crc32(core: Core, file_id: str, part: Part, crc32: str) -> None:
    """Put the CRC-32 of the bytes of a part on record, unless others have taken their place. Announces nothing."""

    def decide(current: FileRecord) -> FileRecord:
        found = stored_part(current, part.key, part.bucket)
        if found is None or found.generation != part.generation:
            return current
        return with_part(current, replace(found, crc32=crc32))

    with suppress(RecordNotFound, RecordDeleted):
        change(core, file_id, decide)


def forget_mark(core: Core, lost: LostPart) -> None:
    """Delete the document of a mark, and the bad bytes that were moved aside for it."""
    _delete(core, _id_in(lost))


def is_mark_of(lost: LostPart, record: FileRecord, part: Part) -> bool:
    """Return True when a mark is that of a part of a file."""
    return _id_in(lost) == _id_of(record, part)


def _delete(core: Core, document_id: str) -> None:
    documents = core.metadata
    if not isinstance(documents, SupportsDocuments):
        return
    with suppress(DocumentNotFound, RevisionConflict):
        found = documents.get_document(COLLECTION, document_id, now=core.clock())
        with suppress(StorageError):
            core.blobs.delete_many(found.body.get("aside", []))
        documents.delete_document(COLLECTION, document_id, expected_revision=found.revision, deleted_at=core.clock())


def lost_parts(store: object, *, now: int, owner: str | None = None, checksum: str | None = None) -> Iterator[LostPart]:
    """Yield the marks of all, of an owner, or of an owner's parts of this SHA-256 or MD5, a page at a time."""
    if not isinstance(store, SupportsDocuments):
        return
    prefix = _order_of(owner, checksum) if owner is not None else ""
    query = DocumentQuery(collection=COLLECTION, prefix=prefix, limit=PAGE)
    for document in store.walk_documents(query, now=now):
        yield _read(document.body)


def find_mark(core: Core, record: FileRecord, part: Part) -> LostPart | None:
    """Return the mark of a part, None without one."""
    documents = require(core.metadata, SupportsDocuments)
    with suppress(DocumentNotFound):
        return _read(documents.get_document(COLLECTION, _id_of(record, part), now=core.clock()).body)
    return None


def _note(core: Core, record: FileRecord, part: Part, loss: Loss) -> None:
    """Write the document of a mark, or add to it what this loss has moved aside."""
    documents = require(core.metadata, SupportsDocuments)
    document_id = _id_of(record, part)
    for attempt in range(MAX_RACES):
        try:
            found = documents.get_document(COLLECTION, document_id, now=core.clock())
        except DocumentNotFound:
            found = _new_mark(record, part, loss, document_id, now=core.clock())
        aside = dict.fromkeys([*found.body["aside"], *([loss.aside] if loss.aside else [])])
        body = {**found.body, "aside": list(aside)[:MOST_ASIDE], "firm": loss.firm or found.body["firm"]}
        if found.revision and body == found.body:
            return
        with suppress(RevisionConflict):
            after = replace(found, body=body, updated_at=core.clock())
            documents.put_document(after, expected_revision=found.revision)
            return
        core.back_off(attempt)


def _new_mark(record: FileRecord, part: Part, loss: Loss, document_id: str, *, now: int) -> Document:
    body: JSON = {
        "file_id": record.file_id,
        "part_id": part.part_id,
        "owner": record.owner,
        "reason": loss.reason.value,
        "offset": loss.offset,
        "found_at": now,
        "firm": "",
        "size": part.size,
        "sha256": part.sha256,
        "md5": part.md5,
        "mark": document_id,
        "aside": [],
    }
    order = _order_of(record.owner, part.sha256 or part.md5)
    return Document(collection=COLLECTION, document_id=document_id, order=order, body=body, updated_at=now)


def _order_of(owner: str, checksum: str | None) -> str:
    return f"{owner_segment(owner)}/{checksum or ''}"


def _id_of(record: FileRecord, part: Part) -> str:
    """Return an id that is the same before and after the part becomes that of a version."""
    return upload_id_of_part(part) or f"{record.file_id}-{part.part_id}"


def _id_in(lost: LostPart) -> str:
    # A mark of an earlier version has none: its part was that of the file.
    return lost.mark or f"{lost.file_id}-{lost.part_id}"


def _read(body: Mapping[str, Any]) -> LostPart:
    known = {each.name: body[each.name] for each in fields(LostPart) if each.name in body}
    return LostPart(**known)
