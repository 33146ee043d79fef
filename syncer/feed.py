"""The change feed as a source of batches: each file and document once a batch, in the order of their last changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from storage_adapters import Change, Document, DocumentChange, DocumentKey, FileRecord, Tombstone, waiting_changes
from syncer.metrics import Metrics
from syncer.pair import Pair, state_of
from syncer.pipeline import DOCUMENTS, FILES, Batch, Kind, Source

MEASURE_EVERY_SECONDS = 1.0


class Feed(Source):
    """The changes behind the checkpoint of the copy. Its lag is measured at each batch."""

    name = "feed"

    def __init__(self, pair: Pair, metrics: Metrics, *, batch: int, mark: Callable[[str], None]) -> None:
        self.consumer = pair.consumer
        self._mark = mark
        self._pair, self._metrics, self._batch = pair, metrics, batch
        self._measured = 0.0

    def start(self) -> str:
        """Return where the checkpoint stands."""
        return self._pair.source.checkpoint(self.consumer)

    def read(self, position: str) -> Batch | None:
        """Return the next changes; behind fewer than a full batch there are likely none."""
        changes = self._pair.source.changes(after=position, limit=self._batch)
        if not changes:
            return None
        return Batch(
            position=changes[-1].sequence,
            size=len(changes),
            copies=copies_by_kind(self._pair, changes),
            oldest_at=changes[0].changed_at,
            is_last=len(changes) < self._batch,
        )

    def measure(self, position: str, batch: Batch | None) -> None:
        """Set the lag; where it is more than a batch, counting takes time and is done now and then."""
        self._metrics.oldest_waiting_at = None if batch is None else batch.oldest_at
        if batch is None or batch.is_last:
            self._metrics.lag_changes.set(0 if batch is None else batch.size)
        elif time.monotonic() - self._measured > MEASURE_EVERY_SECONDS:
            self._measured = time.monotonic()
            self._metrics.lag_changes.set(waiting_changes(self._pair.source, position))

    def before_move(self, sequence: str) -> None:
        """Move the mark of the target: it is never behind the checkpoint."""
        self._mark(sequence)

    def passed(self, position: str, batch: Batch) -> None:
        """Count the batch."""
        self._metrics.batch.observe(batch.size)
        self._metrics.oldest_waiting_at = None


def copies_by_kind(pair: Pair, changes: Sequence[Change | DocumentChange]) -> Mapping[Kind, Sequence[Any]]:
    """Return what the changes made of files and of documents; a kind that did not change is not there."""
    copies: dict[Kind, Sequence[Any]] = {FILES: copies_of(pair, changes), DOCUMENTS: documents_of(changes)}
    return {kind: each for kind, each in copies.items() if each}


def documents_of(changes: Sequence[Change | DocumentChange]) -> list[Document]:
    """Return what the changes made of each document, in the order of their last changes."""
    latest: dict[DocumentKey, Document] = {}
    for change in changes:
        if isinstance(change, DocumentChange):
            latest.pop(change.document.key, None)
            latest[change.document.key] = change.document
    return list(latest.values())


def copies_of(pair: Pair, changes: Sequence[Change | DocumentChange]) -> list[FileRecord | Tombstone]:
    """Return what the changes made of each file, in the order of the files' last changes."""
    latest: dict[str, Change] = {}
    for change in changes:
        if isinstance(change, Change):
            latest.pop(change.file_id, None)
            latest[change.file_id] = change
    # The feed has the last record of a deleted file, not what the deletion left of it.
    states = (state_of(pair.source, each.file_id) if each.deleted else each.record for each in latest.values())
    return [state for state in states if isinstance(state, (FileRecord, Tombstone))]
