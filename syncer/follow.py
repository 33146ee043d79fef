"""Copies the change feed: batch by batch, each file once a batch, the checkpoint after the batch is in the target.

1. What the target has from a later time is left: a copy is stored only when its revision is higher.
2. The checkpoint moves from where this syncer read on. If it is elsewhere, another one copied the same: harmless, and
   this one reads on from there.
3. Where nothing is left to read, the checkpoint is looked at once more: a source that lost its latest writes, by a
   failover, lost the latest moves of the checkpoint with them, and gives the same sequences to other changes.
4. Behind a full batch more are read and copied ahead, a few; the checkpoint follows in the order of the feed. What was
   copied ahead and is not passed, because something failed or another syncer was faster, is copied again: harmless.
5. The feed is never trimmed here: the relay does that, behind every checkpoint. Where nothing has a checkpoint yet,
   nothing may go.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence

from storage_adapters import Change, CheckpointConflict, FileRecord, StorageError, Tombstone
from syncer.copying import Batch, Copying
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
        self._copying: Copying[Sequence[Change]] | None = None
        self._next_from = ""

    def step(self, position: str) -> tuple[str, int]:
        """Copy the next batch behind the position; returns where to read on, and how many changes that were.

        Raises StorageUnavailable.
        """
        try:
            changes = self._copied_ahead(position) or self._copy(position)
            if not changes:
                return self._pair.source.checkpoint(self._pair.consumer), 0
            sequence = self._next_from = changes[-1].sequence
            self._pair.source.move_checkpoint(self._pair.consumer, expected=position, sequence=sequence)
        except CheckpointConflict:
            self.drop()
            logger.info("another syncer moved the checkpoint", extra={"target": self._pair.name})
            return self._pair.source.checkpoint(self._pair.consumer), len(changes)
        except StorageError:
            self.drop()
            raise
        self._metrics.oldest_waiting_at = None
        return sequence, len(changes)

    def drop(self) -> None:
        """Forget what was copied ahead: the next step reads from its position."""
        copying, self._copying = self._copying, None
        if copying is not None:
            copying.drop()

    def _copied_ahead(self, position: str) -> Sequence[Change]:
        if self._copying is None or self._next_from != position:
            self.drop()
            return ()
        copied = self._copying.next()
        if copied is None:
            self.drop()
            return ()
        self._measure(position, copied[0])
        self._count(*copied)
        return copied[0]

    def _copy(self, position: str) -> Sequence[Change]:
        """Copy a batch; behind a full one there are likely more, which are copied ahead from here on."""
        changes = self._pair.source.changes(after=position, limit=self._batch)
        self._measure(position, changes)
        if changes:
            self._count(changes, self._pair.target.replicate(copies_of(self._pair, changes)))
        if len(changes) == self._batch:
            self._copying = Copying(self._pair.target, self._read(changes[-1].sequence))
        return changes

    def _read(self, position: str) -> Iterator[Batch[Sequence[Change]]]:
        while changes := self._pair.source.changes(after=position, limit=self._batch):
            yield changes, copies_of(self._pair, changes)
            if len(changes) < self._batch:
                return
            position = changes[-1].sequence

    def _count(self, changes: Sequence[Change], stored: Sequence[bool]) -> None:
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
