"""Add tables (SQLite) or a database (CouchDB) for documents, beside what is there.

A version with documents adds them when it opens the store, so the step only makes sure of it and records it. A version
without documents cannot read their changes: the way down removes these from the feed and keeps the documents.
"""

from __future__ import annotations

from migrations.run import Run
from storage_adapters import DocumentChange, SupportsChanges, SupportsDocuments, SupportsMigrations

TITLE = "documents beside the files"
ONLINE = True
BACK_ONLINE = False  # this version writes such changes
REPAIRS = True
_BATCH = 500


def applies(store: SupportsMigrations) -> bool:
    """Return True when the store keeps documents."""
    return isinstance(store, SupportsDocuments)


def is_due(store: SupportsMigrations) -> bool:
    """Return True when something is missing that this version needs."""
    return isinstance(store, SupportsDocuments) and bool(store.document_faults())


def up(run: Run) -> None:
    """Add what is missing."""
    assert isinstance(run.store, SupportsDocuments)
    run.store.prepare_documents()
    run.save("prepared", None)


def down(run: Run) -> None:
    """Take the changes of documents out of the feed."""
    assert isinstance(run.store, SupportsDocuments)
    run.save("withdrawn", run.store.withdraw_document_changes())


def verify(run: Run, applied: bool) -> list[str]:  # noqa: FBT001 - the form of all steps
    """Look for what is missing, or for changes of documents that were left in the feed."""
    assert isinstance(run.store, SupportsDocuments)
    if applied:
        return run.store.document_faults()
    return ["the feed still tells of documents"] if _is_told(run.store) else []


def _is_told(store: SupportsMigrations) -> bool:
    assert isinstance(store, SupportsChanges)
    position = ""
    while changes := store.changes(after=position, limit=_BATCH):
        if any(isinstance(change, DocumentChange) for change in changes):
            return True
        position = changes[-1].sequence
    return False
