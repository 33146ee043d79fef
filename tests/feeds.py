"""What the change feed tells of files."""

from __future__ import annotations

from storage_adapters import Change, SupportsChanges


def file_changes(store: SupportsChanges, *, after: str = "", limit: int = 1_000_000) -> list[Change]:
    """Changes of files behind a sequence; those of documents are left out."""
    return [each for each in store.changes(after=after, limit=limit) if isinstance(each, Change)]
