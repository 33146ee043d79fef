"""Recounts of a store's counters: their place in the change feed, and the end of one whose process died."""

from __future__ import annotations

from contextlib import suppress

from storage_adapters import CheckpointConflict, SupportsChanges, SupportsLeases

# Recounts run under this lease, and hold the changes behind this checkpoint.
LEASE = "migrations"
CONSUMER = "migrations-census"


class AbandonedRecounts:
    """Looks at the checkpoint of recounts from time to time, and removes one that nobody needs any more.

    The counts themselves died with their process, and no changes behind the checkpoint would ever be trimmed.
    """

    def __init__(self, feed: SupportsChanges) -> None:
        self._feed, self._seen = feed, ""

    def look(self, now: int) -> None:
        """Remove a checkpoint that the look before found too, both without the lease. Raises StorageUnavailable."""
        place = self._feed.checkpoint(CONSUMER)
        if not place or not isinstance(self._feed, SupportsLeases) or self._feed.lease_holders([LEASE], now=now)[0]:
            self._seen = ""
        elif place != self._seen:
            self._seen = place
        else:
            with suppress(CheckpointConflict):
                self._feed.move_checkpoint(CONSUMER, expected=place, sequence="")
