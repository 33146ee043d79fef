"""The documents of trashed folders: an entry for each that was trashed as one, and the folders made in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress

from files_service.core import Core
from files_service.domain.uploads import owner_segment
from files_service.services.accounts import documents
from storage_adapters import JSON, DocumentQuery, RevisionConflict

TRASHED = "trashed_folders"
DAY_MS = 86_400_000
_ENTRY, _BELOW = "entry", "below"


def has_entry(core: Core, owner: str, path: str, trashed_at: int) -> bool:
    """Return True when a folder of this path was trashed at this time."""
    return documents.find(core, TRASHED, _id_of(_ENTRY, owner, path, trashed_at)) is not None


def add_entry(core: Core, owner: str, path: str, trashed_at: int) -> None:
    """Keep the entry of a folder that was trashed; doing it again is harmless."""
    _add(core, _ENTRY, owner, path, trashed_at)


def keep_below(core: Core, owner: str, path: str, trashed_at: int) -> None:
    """Keep a folder that was made, so that it comes back; doing it again is harmless."""
    _add(core, _BELOW, owner, path, trashed_at)


def kept_below(owner: str, path: str, trashed_at: int) -> DocumentQuery:
    """Return the query of folders that were made, of those that were trashed with a folder: it, and those below it."""
    return DocumentQuery(collection=TRASHED, prefix=f"{_order(_BELOW, owner, trashed_at)}/{path}/")


def all_of(owner: str) -> DocumentQuery:
    """Return the query of all documents of an owner's trashed folders."""
    return DocumentQuery(collection=TRASHED, prefix=f"{owner_segment(owner)}/")


def remove_entry(core: Core, owner: str, path: str, trashed_at: int) -> None:
    """Remove the entry of a folder that came back."""
    document = documents.find(core, TRASHED, _id_of(_ENTRY, owner, path, trashed_at))
    if document is not None:
        documents.delete(core, document)


def prefix_of_entries(owner: str) -> str:
    """Return the prefix of the order keys of an owner's trashed folders."""
    return f"{owner_segment(owner)}/{_ENTRY}/"


def entries_of(core: Core, owner: str, limit: int) -> Iterator[JSON]:
    """Yield the trashed folders of an owner, the newest first."""
    prefix = prefix_of_entries(owner)
    query = DocumentQuery(collection=TRASHED, prefix=prefix, descending=True, limit=limit)
    for each in documents.documents_of(core).find_documents(query, now=core.clock()).documents:
        yield {"path": each.body["path"], "trashed_at": each.body["trashed_at"]}


def _add(core: Core, kind: str, owner: str, path: str, trashed_at: int) -> None:
    body = {"owner": owner, "path": path, "trashed_at": trashed_at}
    order = f"{_order(kind, owner, trashed_at)}/{path}/"
    # Files are deleted by a sweep after their time; what is left of the folder then shows nothing.
    expires_at = trashed_at + (core.settings.trash_days + 1) * DAY_MS
    document_id = _id_of(kind, owner, path, trashed_at)
    with suppress(RevisionConflict):
        documents.put(core, documents.new_document(TRASHED, document_id, body, order=order, expires_at=expires_at))


def _order(kind: str, owner: str, trashed_at: int) -> str:
    return f"{owner_segment(owner)}/{kind}/{trashed_at:016d}"


def _id_of(kind: str, owner: str, path: str, trashed_at: int) -> str:
    return hashlib.sha256(f"{kind}/{owner_segment(owner)}/{trashed_at}/{path}".encode()).hexdigest()
