"""Copies the change feed: batch by batch, each file once a batch, the checkpoint after the batch is in the target.

1. What the target has from a later time is left: a copy is stored only when its revision is higher.
2. The checkpoint moves from where this syncer read on. If it is elsewhere, another one copied the same: harmless, and
   this one reads on from there.
3. Where nothing is left to read, the checkpoint is looked at once more: a source that lost its latest writes, by a
   failover, lost the latest moves of the checkpoint with them, and gives the same sequences to other changes.
4. The feed is never trimmed here: the relay does that, behind every checkpoint. Where nothing has a checkpoint yet,
   nothing may go.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from storage_adapters import Change, CheckpointConflict, FileRecord, Tombstone
from syncer.lag import waiting_changes
from syncer.metrics import Metrics
from syncer.pair import Pair, state_of

logger = logging.getLogger(__name__)

MEASURE_EVERY_SECONDS = 1.0


class Follower:
    """Carries changes to the target from where the checkpoint stands."""

    def __init__(self, pair: Pair, metrics: Metrics, *, batch: int) -> None:
        self._pair, self._metrics, self._batch = pair, metrics, batch
        self._measured = 0.0

    def step(self, position: str) -> tuple[str, int]:
        """Copy the next batch behind the position; returns where to read on, and how many changes that were."""
        changes = self._pair.source.changes(after=position, limit=self._batch)
        self._measure(position, changes)
        if not changes:
            return self._pair.source.checkpoint(self._pair.consumer), 0
        self._copy(changes)
        sequence = changes[-1].sequence
        try:
            self._pair.source.move_checkpoint(self._pair.consumer, expected=position, sequence=sequence)
        except CheckpointConflict:
            logger.info("another syncer moved the checkpoint", extra={"target": self._pair.name})
            return self._pair.source.checkpoint(self._pair.consumer), len(changes)
        self._metrics.oldest_waiting_at = None
        return sequence, len(changes)

    def _copy(self, changes: Sequence[Change]) -> None:
        copies = copies_of(self._pair, changes)
        stored = self._pair.target.replicate(copies)
        self._metrics.batch.observe(len(changes))
        self._metrics.count("feed", stored)

    def _measure(self, position: str, changes: Sequence[Change]) -> None:
        self._metrics.oldest_waiting_at = changes[0].changed_at if changes else None
        if len(changes) < self._batch:
            self._metrics.lag_changes.set(len(changes))
        elif time.monotonic() - self._measured > MEASURE_EVERY_SECONDS:
            self._measured = time.monotonic()
            self._metrics.lag_changes.set(waiting_changes(self._pair.source, position))


def copies_of(pair: Pair, changes: Sequence[Change]) -> list[FileRecord | Tombstone]:
    """What the changes made of each file, in the order of the files' last changes."""
    latest: dict[str, Change] = {}
    for change in changes:
        latest.pop(change.file_id, None)
        latest[change.file_id] = change
    copies: list[FileRecord | Tombstone] = []
    for change in latest.values():
        # The feed has the last record of a deleted file, not what the deletion left of it.
        state = state_of(pair.source, change.file_id) if change.deleted else change.record
        if state is not None:
            copies.append(state)
    return copies
