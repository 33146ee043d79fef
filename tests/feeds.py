"""What the change feed tells of files."""

from __future__ import annotations

from storage_adapters import Change, SupportsChanges


def file_changes(store: SupportsChanges, *, after: str = "", limit: int = 1_000_000) -> list[Change]:
    """Changes of files behind a sequence; the service also keeps documents, of which the feed tells too."""
    return [change for change in store.changes(after=after, limit=limit) if isinstance(change, Change)]
