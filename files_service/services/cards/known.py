"""Files of an owner that cards have brought, found again by their fast key, size and path on the card."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from files_service.core import Core
from files_service.domain.cards import EntryStatus
from files_service.domain.uploads import owner_segment
from files_service.domain.versions import is_lost
from files_service.services.accounts import documents
from files_service.services.cards.session import Session
from storage_adapters import (
    JSON,
    Document,
    DocumentKey,
    FileRecord,
    FileStatus,
    RecordDeleted,
    RecordNotFound,
    RevisionConflict,
    SupportsMigrations,
)

KNOWN = "card_known"
KEPT_MS = 3 * 365 * 86_400_000
_PAGE = 500
_KEPT = ("file_id", "mtime_at", "sha256", "xxh64")


def remember(core: Core, session: Session, entries: Iterable[JSON]) -> None:
    """Keep by which key uploaded files are found again. Doing it again is harmless."""
    wanted = {_id_of(session.owner, each): each for each in entries if _is_remembered(each)}
    stored = _stored(core, list(wanted))
    for document_id, entry in wanted.items():
        body = {"owner": session.owner, "session_id": session.session_id, **{name: entry[name] for name in _KEPT}}
        before = stored.get(document_id)
        if before is None or any(before.body[name] != body[name] for name in _KEPT):
            _keep(core, document_id, body, before)


def known_files(core: Core, owner: str, asked: Sequence[Mapping[str, Any]]) -> list[JSON | None]:
    """Return for each of these the file that is still there, finished and whole; None for the others."""
    ids = [_id_of(owner, each) for each in asked]
    stored = _stored(core, ids)
    return [_answer(core, owner, stored.get(each), item["size"]) for each, item in zip(ids, asked, strict=True)]


def find_record(core: Core, file_id: str) -> FileRecord | None:
    """Return a record, None for a file that is gone."""
    try:
        return core.metadata.get(file_id)
    except (RecordNotFound, RecordDeleted):
        return None


def is_usable(record: FileRecord | None, owner: str, size: int) -> bool:
    """Return True for a finished file of the owner with this size that is to stay, and is not lost."""
    return (
        record is not None
        and record.owner == owner
        and record.status is FileStatus.PROCESSED
        and record.is_listed
        and record.expires_at is None
        and sum(part.size for part in record.parts) == size
        and not any(is_lost(record, part) for part in record.parts)
    )


def has_bytes(record: FileRecord, sha256: str | None) -> bool:
    """Return False for a file of one part whose hash on record is another one: a version has taken its place."""
    return sha256 is None or len(record.parts) != 1 or record.parts[0].sha256 in (sha256, None)


def not_held(core: Core, owner: str, entries: Iterable[JSON]) -> Iterator[JSON]:
    """Yield the entries whose file is not there with the bytes of the card any more, by its record alone."""
    remaining = iter(entries)
    while page := list(islice(remaining, _PAGE)):
        for entry, record in zip(page, _records(core, [each["file_id"] or "" for each in page]), strict=True):
            if record is None or not is_usable(record, owner, entry["size"]) or not has_bytes(record, entry["sha256"]):
                yield entry


def _records(core: Core, file_ids: Sequence[str]) -> list[FileRecord | None]:
    if not isinstance(core.metadata, SupportsMigrations):
        return [find_record(core, each) for each in file_ids]
    return [each if isinstance(each, FileRecord) else None for each in core.metadata.stored(file_ids)]


def is_being_processed(record: FileRecord | None) -> bool:
    """Return True for a file whose bytes are there, and of which a worker has yet to say whether they are right."""
    return record is not None and record.status in (FileStatus.UPLOADED, FileStatus.PROCESSING)


def _answer(core: Core, owner: str, document: Document | None, size: int) -> JSON | None:
    if document is None:
        return None
    found = {name: document.body[name] for name in _KEPT}
    record = find_record(core, found["file_id"])
    if record is None or not is_usable(record, owner, size):
        return None
    # A version with other bytes has taken the place of those of the card.
    hashes = [part.sha256 for part in record.parts]
    return found if hashes in ([found["sha256"]], [None]) or found["sha256"] is None else None


def _is_remembered(entry: JSON) -> bool:
    return bool(entry["status"] == EntryStatus.UPLOADED and entry["file_id"] and entry["fast_key"])


def _keep(core: Core, document_id: str, body: JSON, stored: Document | None) -> None:
    def decide(before: Document | None) -> Document:
        order = f"{owner_segment(body['owner'])}/"
        document = before or documents.new_document(KNOWN, document_id, {}, order=order)
        return replace(document, body=body, expires_at=core.clock() + KEPT_MS)

    try:
        documents.put(core, decide(stored))
    except RevisionConflict:
        documents.change(core, KNOWN, document_id, decide)


def _stored(core: Core, ids: Sequence[str]) -> Mapping[str, Document]:
    now = core.clock()
    found = documents.documents_of(core).stored_documents([DocumentKey(KNOWN, each) for each in dict.fromkeys(ids)])
    return {each.document_id: each for each in found if each is not None and each.is_visible(now)}


def _id_of(owner: str, item: Mapping[str, Any]) -> str:
    text = f"{owner_segment(owner)}/{item['fast_key']}/{item['size']}/{item['path']}"
    return hashlib.sha256(text.encode()).hexdigest()
