"""The copying of one source to one target: all files once, then the feed, as long as this syncer has the lease."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable

from files_service.runtime.clock import now_ms
from storage_adapters import REFUSALS, CheckpointConflict, StorageUnavailable
from syncer.backfill import Backfill, Walk
from syncer.feed import Feed
from syncer.guard import ADVICE, REFUSED_SECONDS, Guard, SourceRefused
from syncer.index_builder import build_in_turn
from syncer.lease import LEASE_SECONDS, lease_names, syncer_lease
from syncer.metrics import Metrics
from syncer.pair import Pair
from syncer.pipeline import Pipeline
from syncer.retry import Retry, Stopped

logger = logging.getLogger(__name__)

BATCH = 500
BUSY_SECONDS = 0.01
# A few changes cost nearly what many do: behind a small batch the next ones are let gather, for what copying them costs
# is taken from everybody else on the machine of the target.
GATHER_SECONDS = 0.03
IDLE_SECONDS = 0.25
STANDBY_SECONDS = 1.0
# Tombstones of documents are kept in a copy as long as where they were made, and no sweeper runs there.
FORGET_EVERY_SECONDS = 60.0
COMPARE_EVERY_SECONDS = 1.0


class LeaseHeld(Exception):
    """Another syncer has the lease to do this."""


class Syncer:
    """Copy of one source to one target. ``step`` does a bounded piece of work; another thread may compare meanwhile."""

    def __init__(
        self,
        pair: Pair,
        metrics: Metrics,
        *,
        rate: float | None = None,
        batch: int = BATCH,
        lease_seconds: float = LEASE_SECONDS,
        accepted: bool = False,
    ) -> None:
        self.pair = pair
        self.is_caught_up = False
        self.is_standby = False
        self._metrics = metrics
        self._guard = Guard(pair, metrics, accepted=accepted)
        # A limited rate makes batches small: the pause behind one is to end before the lease does.
        most = batch if rate is None else max(1, min(batch, int(rate * lease_seconds / 4)))
        self._backfill = Pipeline(pair, Backfill(pair, metrics, batch=most), metrics)
        self._feed = Pipeline(pair, Feed(pair, metrics, batch=batch, mark=self._guard.advance), metrics)
        self._lease, self._backfill_lease = (
            syncer_lease(pair.source, name, seconds=lease_seconds) for name in lease_names(pair.name)
        )
        self._rate, self._batch = rate, batch
        self._idle = BUSY_SECONDS
        self._forget_at = self._compare_at = 0.0

    @property
    def walk(self) -> Walk | None:
        """Progress of the backfill, None when there is none under way."""
        return Walk.from_text(self._backfill.position) if self._backfill.position else None

    def step(self) -> float:
        """Copy the next batch; return how many seconds to wait for the next step."""
        self.is_caught_up = False
        self.is_standby = not self._lease.held()
        self._metrics.active.set(not self.is_standby)
        if self.is_standby:
            self._feed.drop()
            self._metrics.oldest_waiting_at = None
            self._metrics.lag_changes.set(0)
            return STANDBY_SECONDS
        if not self._feed.position:
            if self._backfill.position is None and not self._guard.allows():
                return self._refuse()
            # Looked at before each step of a backfill as well: another process may have brought it to its end.
            if not self._feed.look():
                return self.fill()
            self._backfill.drop()
            self._drop_old_backfill()
        return self._follow()

    def has_copied(self, sequence: str) -> bool:
        """Return True when this change, and all before it, are in the target."""
        position = self._feed.position
        return bool(position) and self.pair.source.has_passed(sequence, position or "")

    def fill(self) -> float:
        """Copy one batch of the backfill; return as ``step``."""
        self.is_standby = not self._backfill_lease.held()
        if self.is_standby:
            self._backfill.drop()
            return STANDBY_SECONDS
        if self._backfill.position is None and not self._guard.allows():
            return self._refuse()
        started = time.monotonic()
        copied = self._backfill.step()
        if copied is None:
            self.is_caught_up = True
            return IDLE_SECONDS
        if self._backfill.position == "":
            self._backfill.drop()
            self._backfill_lease.release()
            self.is_caught_up = True
            return 0.0
        return max(0.0, copied / self._rate - (time.monotonic() - started)) if self._rate else 0.0

    def require_work(self) -> None:
        """Raise LeaseHeld when another syncer kept the last step from copying, SourceRefused when the stores do."""
        if self._guard.refusal:
            raise SourceRefused(f"{REFUSALS[self._guard.refusal]}; {ADVICE}")
        if self.is_standby:
            raise LeaseHeld

    def give_up(self) -> None:
        """Release the lease, so that another syncer continues at once."""
        self._backfill.drop()
        self._feed.drop()
        for lease in (self._lease, self._backfill_lease):
            lease.release()

    def _follow(self) -> float:
        position, count = self._feed.position, self._feed.step()
        # Where nothing is left to read, the checkpoint is looked at once more: a source that lost its latest writes,
        # by a failover, lost the latest moves of it with them, and gives the same sequences to other changes.
        self.is_caught_up = count is None and self._feed.look() == position
        if self.is_caught_up and time.monotonic() >= self._compare_at:
            self._compare_at = time.monotonic() + COMPARE_EVERY_SECONDS
            if not self._guard.allows():
                return self._refuse()
            self._guard.mark_equal()
            self.is_caught_up = self._feed.look() == position
        if not self.is_caught_up:
            self._idle = BUSY_SECONDS
            return GATHER_SECONDS if (count or 0) < self._batch // 4 else 0.0
        if time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + FORGET_EVERY_SECONDS
            self.pair.target.forget_documents(now=now_ms(), limit=self._batch)
        delay, self._idle = self._idle, min(IDLE_SECONDS, 1.5 * self._idle)
        return delay

    def _refuse(self) -> float:
        """Release the leases, so that a syncer that is told to accept the source can have them."""
        self.is_caught_up = False
        self.give_up()
        return REFUSED_SECONDS

    def _drop_old_backfill(self) -> None:
        """Remove the checkpoint of a backfill that died before its last step: it would hold the feed for ever."""
        place = self.pair.source.checkpoint(self.pair.backfill_consumer)
        if place and self._backfill_lease.held():
            # It may have been moved since it was read: then its backfill is alive.
            with contextlib.suppress(CheckpointConflict):
                self.pair.source.move_checkpoint(self.pair.backfill_consumer, expected=place, sequence="")
            self._backfill_lease.release()


def run(syncer: Syncer, metrics: Metrics, retry: Retry) -> None:
    """Copy until the process is to stop, and keep the indexes of the target up to date; finish the batch in hand."""
    build_in_turn(syncer.pair, metrics, retry.stopping, is_active=lambda: not syncer.is_standby)
    with contextlib.suppress(Stopped):
        _repeat(syncer, retry, syncer.step, lambda delay: False)


def once(syncer: Syncer, retry: Retry) -> None:
    """Copy what there is now and return. Raises LeaseHeld, SourceRefused, Stopped, StorageUnavailable."""
    last = retry.call(syncer.pair.source.last_sequence)

    def is_done(delay: float) -> bool:
        syncer.require_work()
        return (syncer.is_caught_up and delay > 0) or syncer.has_copied(last)

    _repeat(syncer, retry, syncer.step, is_done)


def fill(syncer: Syncer, retry: Retry, tell: Callable[[], None] = lambda: None) -> None:
    """Copy all files there are and return, calling ``tell`` after each step. Raises as ``once``."""

    def is_done(delay: float) -> bool:
        tell()
        syncer.require_work()
        return syncer.is_caught_up

    _repeat(syncer, retry, syncer.fill, is_done)


def _repeat(syncer: Syncer, retry: Retry, step: Callable[[], float], is_done: Callable[[float], bool]) -> None:
    try:
        while not is_done(delay := retry.call(step)):
            retry.stopping.wait(delay)
    finally:
        try:
            syncer.give_up()
        except StorageUnavailable:
            # The lease runs out by itself.
            logger.warning("the lease was not released")
