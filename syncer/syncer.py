"""What a syncer does next: fills the target once, then follows the feed, as long as it has the right to."""

from __future__ import annotations

import contextlib
import logging
import time

from storage_adapters import CheckpointConflict
from syncer.backfill import Backfill, Walk
from syncer.follow import Follower
from syncer.metrics import Metrics
from syncer.pair import Pair
from syncer.right import LEASE_SECONDS, Right, right_names

logger = logging.getLogger(__name__)

BATCH = 500
BUSY_SECONDS = 0.01
# A few changes cost nearly what many do: behind a small batch the next ones are let gather, for what copying them costs
# is taken from everybody else on the machine of the target.
GATHER_SECONDS = 0.03
IDLE_SECONDS = 0.25
ELSEWHERE_SECONDS = 1.0


class Syncer:
    """Copies one source to one target. ``step`` does a bounded piece of work; another thread may be in ``Parity``."""

    def __init__(
        self,
        pair: Pair,
        metrics: Metrics,
        *,
        rate: float | None = None,
        batch: int = BATCH,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self.pair = pair
        self.is_caught_up = False
        self.is_elsewhere = False
        self._metrics = metrics
        self._follower = Follower(pair, metrics, batch=batch)
        # A limited rate makes batches small: the pause behind one is to end before the lease does.
        most = batch if rate is None else max(1, min(batch, int(rate * lease_seconds / 4)))
        self._backfill = Backfill(pair, metrics, batch=most)
        to_follow, to_fill = right_names(pair.name)
        self._right = Right(pair.source, to_follow, seconds=lease_seconds)
        self._backfill_right = Right(pair.source, to_fill, seconds=lease_seconds)
        self._rate, self._batch = rate, batch
        self._position = ""
        self._idle = BUSY_SECONDS

    @property
    def walk(self) -> Walk | None:
        """How far the backfill is, None when there is none under way."""
        return self._backfill.walk

    def step(self) -> float:
        """Copy the next batch; returns how many seconds to wait for the next step."""
        self.is_caught_up = False
        self.is_elsewhere = not self._right.held()
        self._metrics.active.set(not self.is_elsewhere)
        if self.is_elsewhere:
            self._follower.drop()
            self._position, self._metrics.oldest_waiting_at = "", None
            self._metrics.lag_changes.set(0)
            return ELSEWHERE_SECONDS
        if not self._position:
            # Looked at before each step of a backfill as well: another process may have brought it to its end.
            self._position = self.pair.source.checkpoint(self.pair.consumer)
            if not self._position:
                return self.fill()
            self._backfill.drop()
            self._drop_old_backfill()
        return self._follow(self._position)

    def has_copied(self, sequence: str) -> bool:
        """Whether this change, and all before it, are in the target."""
        return bool(self._position) and self.pair.source.has_passed(sequence, self._position)

    def fill(self) -> float:
        """Carry the backfill one step further; returns as ``step``."""
        self.is_elsewhere = not self._backfill_right.held()
        if self.is_elsewhere:
            self._backfill.drop()
            return ELSEWHERE_SECONDS
        started = time.monotonic()
        copied = self._backfill.step()
        if copied is None:
            self._backfill.drop()
            self._backfill_right.give_up()
            self.is_caught_up = True
            return 0.0
        if self._backfill.is_waiting:
            self.is_caught_up = True
            return IDLE_SECONDS
        return max(0.0, copied / self._rate - (time.monotonic() - started)) if self._rate else 0.0

    def give_up(self) -> None:
        """Let another syncer go on at once."""
        self._backfill.drop()
        self._follower.drop()
        for right in (self._right, self._backfill_right):
            right.give_up()

    def _follow(self, position: str) -> float:
        self._position, count = self._follower.step(position)
        self.is_caught_up = not count and self._position == position
        if not self.is_caught_up:
            self._idle = BUSY_SECONDS
            return GATHER_SECONDS if count < self._batch // 4 else 0.0
        delay, self._idle = self._idle, min(IDLE_SECONDS, 1.5 * self._idle)
        return delay

    def _drop_old_backfill(self) -> None:
        """Remove what a backfill left that died between its last two steps: it would hold the feed for ever."""
        place = self.pair.source.checkpoint(self.pair.backfill_consumer)
        if place and self._backfill_right.held():
            # Whoever was at it may have moved it since it was read: then it is not left behind.
            with contextlib.suppress(CheckpointConflict):
                self.pair.source.move_checkpoint(self.pair.backfill_consumer, expected=place, sequence="")
            self._backfill_right.give_up()
