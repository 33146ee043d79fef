"""What the change feed tells of files."""

from __future__ import annotations

from storage_adapters import Change, SupportsChanges


def file_changes(store: SupportsChanges, *, after: str = "", limit: int = 1_000_000) -> list[Change]:
    """Changes behind a sequence, all of files: a store that also tells of documents is another test's."""
    changes = []
    for change in store.changes(after=after, limit=limit):
        assert isinstance(change, Change)
        changes.append(change)
    return changes
