"""The consumer of the change feed that keeps the counts of analytics.

1. The checkpoint moves past changes that are counted; a change that is counted twice changes nothing.
2. Without a checkpoint, or where the feed was trimmed behind it, all files are counted: the checkpoint is then a text
   with the sequence of the beginning, behind which nothing is trimmed, and the day that is reached.
3. A lease allows one at a time. If two overlap, the one that is behind loses the race for a document or the checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from files_service.core import Core
from files_service.domain.analytics import day_of
from files_service.services.analytics.counting import Counts, walk_files
from files_service.services.analytics.documents import counted_days
from files_service.services.analytics.stored import mark_changed
from files_service.services.files import require
from files_service.worker.leased import Leased
from storage_adapters import BEGINNING, Change, CheckpointConflict, RevisionConflict, SupportsChanges

CONSUMER = "analytics"
LEASE_SECONDS = 10
BATCH = 200
SHORTEST_IDLE_SECONDS = 0.2
LONGEST_IDLE_SECONDS = 2.0
RETRY_SECONDS = 2.0
_COUNTING = "counting "


class Analytics(Leased):
    """Keeper of the counts. ``lag_changes`` (within a batch) feeds the metrics."""

    def __init__(self, core: Core, *, holder: str, stopped: Callable[[], bool] = lambda: False) -> None:
        super().__init__(core, "analytics", holder=holder, seconds=LEASE_SECONDS, stopped=stopped)
        self.lag_changes = 0
        self.counted = 0
        self._feed = require(core.metadata, SupportsChanges)
        self._counts = Counts(core)
        self._position: str | None = None
        self._idle = SHORTEST_IDLE_SECONDS

    def step(self) -> float:
        """Count the next batch; return the seconds to wait until the next step."""
        if not self._lease.held():
            self._drop()
            return RETRY_SECONDS
        try:
            return self._count(self._feed.checkpoint(CONSUMER))
        except (CheckpointConflict, RevisionConflict):
            # Another worker counts, although we have the lease.
            self._drop()
            return RETRY_SECONDS

    def give_up(self) -> None:
        """Release the lease, so that another worker can continue at once."""
        self._drop()
        self._lease.release()

    def _count(self, position: str) -> float:
        if position.startswith(_COUNTING):
            return self._count_all(position)
        if position != self._position:
            # Another worker moved it, or the store lost its latest writes: what is held may not be what is stored.
            self._counts.forget()
            if not position or not self._feed.has_changes_behind(position):
                begun = f"{_COUNTING}{self._feed.last_sequence() or BEGINNING} "
                self._feed.move_checkpoint(CONSUMER, expected=position, sequence=begun)
                return 0.0
            self._position = position
        changes = self._feed.changes(after=position, limit=BATCH)
        self.lag_changes = len(changes)
        if not changes:
            self._idle = min(LONGEST_IDLE_SECONDS, 2 * self._idle)
            return self._idle
        self._idle = SHORTEST_IDLE_SECONDS
        of_files = [each for each in changes if isinstance(each, Change)]
        mark_changed(self._core, {each.record.owner for each in of_files})
        self._counts.count(of_files)
        self._move(position, changes[-1].sequence)
        self.counted += len(of_files)
        self.lag_changes = 0
        return 0.0 if len(changes) == BATCH else SHORTEST_IDLE_SECONDS

    def _count_all(self, position: str) -> float:
        """Count the days that have counts already, then those of all files; go on from the day that is reached."""
        sequence, day = position.removeprefix(_COUNTING).split(" ", 1)
        if not day:
            for owner, days in counted_days(self._core):
                if self._stopped() or not self._lease.held():
                    return 0.0
                self._counts.recount((owner, each) for each in days)
        files = walk_files(self._core, first=day)
        for reached, made in groupby(files, lambda record: day_of(record.created_at)):
            owners = sorted({record.owner for record in made})
            mark_changed(self._core, owners)
            self._counts.recount((owner, reached) for owner in owners)
            position = self._move(position, f"{_COUNTING}{sequence} {reached}")
            if self._stopped() or not self._lease.held():
                return 0.0
        self._move(position, sequence)
        return 0.0

    def _move(self, expected: str, sequence: str) -> str:
        self._feed.move_checkpoint(CONSUMER, expected=expected, sequence=sequence)
        self._position = sequence
        return sequence

    def _drop(self) -> None:
        self._position = None
        self._counts.forget()
        self.lag_changes = 0
