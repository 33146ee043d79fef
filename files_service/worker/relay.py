"""The relay turns the change feed into events: each change at least once, in order, with a stable id.

1. The checkpoint moves only past published changes; an event that is published twice has the same ``event_id``.
2. A failing publisher stops the relay. Nothing is skipped or reordered.
3. Changes of documents announce nothing: the checkpoint passes them.
4. A lease allows one relay at a time. If two overlap, the checkpoint conflict stops the one that is behind.
"""

from __future__ import annotations

from collections.abc import Callable

from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.messaging.events import EventPublisher
from files_service.runtime.lease import Lease
from files_service.services.files import require
from storage_adapters import JSON, Change, CheckpointConflict, DocumentChange, SupportsChanges

CONSUMER = "relay"
LEASE_SECONDS = 5
BATCH = 200
TRIM_EVERY = 500
BUSY_SECONDS = 0.0
SHORTEST_IDLE_SECONDS = 0.02
LONGEST_IDLE_SECONDS = 0.1
RETRY_SECONDS = 1.0


class Relay:
    """Publisher of changes. ``lag_changes`` (within a batch) and ``lag_seconds`` feed the metrics."""

    def __init__(
        self,
        core: Core,
        publisher: EventPublisher,
        *,
        holder: str,
        stopped: Callable[[], bool] = lambda: False,
        on_change: Callable[[Change], None] = lambda change: None,
    ) -> None:
        self.lag_changes = 0
        self.lag_seconds = 0.0
        self.published = 0
        self._core, self._publisher = core, publisher
        self._feed = require(core.metadata, SupportsChanges)
        self._lease = Lease(
            core.metadata, "relay", holder=holder, seconds=LEASE_SECONDS, clock=core.clock, timer=core.timer
        )
        self._stopped, self._on_change = stopped, on_change
        self._position: str | None = None
        self._untrimmed = 0
        self._idle = SHORTEST_IDLE_SECONDS

    def step(self) -> float:
        """Publish the next batch; return the seconds to wait until the next step."""
        if not self._lease.held():
            self._position = None
            self.lag_changes, self.lag_seconds = 0, 0.0
            return RETRY_SECONDS
        # Looked at before each batch: a store that lost its latest writes lost the latest moves with them, and gives
        # the same sequences to other changes.
        self._position = self._feed.checkpoint(CONSUMER)
        changes = self._feed.changes(after=self._position, limit=BATCH)
        if not changes:
            self.lag_changes, self.lag_seconds = 0, 0.0
            self._idle = min(LONGEST_IDLE_SECONDS, 2 * self._idle)
            return self._idle
        self._idle = SHORTEST_IDLE_SECONDS
        self._publish(changes)
        return BUSY_SECONDS

    def give_up(self) -> None:
        """Release the lease, so that another worker's relay can continue at once."""
        self._position = None
        self._lease.release()

    def _publish(self, changes: list[Change | DocumentChange]) -> None:
        done = 0
        try:
            for change in changes:
                self._measure(changes, done)
                if self._stopped() or not self._lease.held():
                    break
                if isinstance(change, DocumentChange):
                    done += 1
                    continue
                if change.event is not None:
                    self._publisher.publish(change.event, payload_of(change), event_id=change.record.change_token)
                    self.published += 1
                done += 1
                self._on_change(change)
        finally:
            self._measure(changes, done)
            if done:
                self._move_to(changes[done - 1].sequence, passed=done)

    def _measure(self, changes: list[Change | DocumentChange], done: int) -> None:
        self.lag_changes = len(changes) - done
        waiting = changes[done:]
        self.lag_seconds = max(0.0, (self._core.clock() - waiting[0].changed_at) / 1000) if waiting else 0.0

    def _move_to(self, sequence: str, *, passed: int) -> None:
        assert self._position is not None
        try:
            self._feed.move_checkpoint(CONSUMER, expected=self._position, sequence=sequence)
        except CheckpointConflict:
            self._position = None
            return
        self._position = sequence
        self._untrimmed += passed
        if self._untrimmed >= TRIM_EVERY:
            self._untrimmed -= TRIM_EVERY
            # Trim twice as many as arrived, so that a backlog held by another consumer shrinks.
            self._feed.trim_changes(limit=2 * TRIM_EVERY)


def payload_of(change: Change) -> JSON:
    """Return the payload of a change's event: the record without secrets, and the change."""
    payload = to_wire(change.record)
    return payload | {"event": change.event, "event_id": change.record.change_token, "changed_at": change.changed_at}
