"""How far a consumer is behind the feed."""

from __future__ import annotations

from storage_adapters import SupportsChanges

MOST = 10_000
_BATCH = 1_000


def waiting_changes(source: SupportsChanges, position: str) -> int:
    """Count the changes behind a position: exactly where sequences are numbers, else up to ``MOST``."""
    last = source.last_sequence()
    if last.isdecimal() and (position or "0").isdecimal():
        # A source that lost its latest writes may be before the position.
        return max(0, int(last) - int(position or "0"))
    count = 0
    while count < MOST and (changes := source.changes(after=position, limit=_BATCH)):
        count += len(changes)
        position = changes[-1].sequence
    return count
