"""The relay turns the change feed into events: each change at least once, those of a file in order, with a stable id.

1. Workers divide the files (``partitions``). Each partition has a checkpoint, which moves only past published changes;
   an event that is published twice has the same ``event_id``.
2. A failing publisher stops the relay. Nothing is skipped; of a file, nothing is reordered: events that await their
   confirms together are of different files.
3. Changes of documents announce nothing: the checkpoints pass them.
4. If two relays have a partition, the checkpoint conflict stops the one that is behind.
5. Earlier releases have one checkpoint. The holder of partition 0 gives all partitions a checkpoint there, before any
   relay begins, and removes it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.errors import ServiceUnavailable
from files_service.messaging.events import Event, EventPublisher
from files_service.runtime.recounts import AbandonedRecounts
from files_service.services.files import require
from files_service.worker.partitions import PARTITIONS, Partitions, partition_of
from storage_adapters import BEGINNING, JSON, Change, CheckpointConflict, SupportsChanges

CONSUMER = "relay"
CONSUMERS = tuple(f"{CONSUMER}-{number}" for number in range(PARTITIONS))
BATCH = 400
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
        self.partitions = 0
        self._core, self._publisher = core, publisher
        self._feed = require(core.metadata, SupportsChanges)
        self._partitions = Partitions(core, CONSUMER, holder=holder, first_lease=CONSUMER)
        self._recounts = AbandonedRecounts(self._feed)
        self._stopped, self._on_change = stopped, on_change
        self._start = ""
        self._turn = self._untrimmed = 0
        self._idle = SHORTEST_IDLE_SECONDS

    def step(self) -> float:
        """Publish the next batch of the partitions that this worker has; return the seconds to wait."""
        mine = self._partitions.held()
        self.partitions = len(mine)
        if not mine:
            self._measure([])
            return RETRY_SECONDS
        # Looked at before each batch: a store that lost its latest writes lost the latest moves with them, and gives
        # the same sequences to other changes.
        earlier, *places = self._feed.checkpoints([CONSUMER, *CONSUMERS])
        if earlier or not all(places):
            if 0 not in mine:
                return RETRY_SECONDS
            self._divide(earlier, places)
            places = self._feed.checkpoints(CONSUMERS)
        return self._announce({number: places[number] for number in mine})

    def give_up(self) -> None:
        """Release the leases, so that other workers' relays can continue at once."""
        self._partitions.give_up()

    def _divide(self, earlier: str, places: list[str]) -> None:
        """Give each partition a checkpoint, nowhere before that of an earlier release, and remove that one."""
        for consumer, place in zip(CONSUMERS, places, strict=True):
            if not place or (earlier and self._feed.has_passed(place, earlier)):
                self._move(consumer, place, earlier or BEGINNING)
        if earlier:
            self._move(CONSUMER, earlier, "")

    def _announce(self, places: dict[int, str]) -> float:
        group = self._next_group(places)
        found, reached, count = self._feed.changes_of(
            lambda each: partition_of(each) in group, after=self._start, limit=BATCH
        )
        if not count:
            self._measure([])
            self._idle = min(LONGEST_IDLE_SECONDS, 2 * self._idle)
            return self._idle
        self._idle = SHORTEST_IDLE_SECONDS
        passed = self._feed.has_passed
        changes = [each for each in found if not passed(each.sequence, group[partition_of(each.file_id)])]
        done = self._publish(changes, group)
        self._measure(changes[done:])
        for change in changes[:done]:
            self._on_change(change)
        end = reached if done == len(changes) else changes[done - 1].sequence if done else self._start
        for number, place in group.items():
            if end != place and not passed(end, place):
                self._move(CONSUMERS[number], place, end)
        if done < len(changes) and not self._stopped() and self._partitions.still_held(group):
            raise ServiceUnavailable("the broker does not accept events now")
        if 0 in group:
            self._trim(count)
        return BUSY_SECONDS

    def _next_group(self, places: dict[int, str]) -> dict[int, str]:
        """Choose the partitions to read next, from the place of the earliest of them.

        Where the store cannot tell which of two places is earlier, partitions at different ones take turns.
        """
        passed = self._feed.has_passed
        self._turn += 1
        start = list(places.values())[self._turn % len(places)]
        for place in places.values():
            if passed(place, start):
                start = place
        self._start = start
        return {number: place for number, place in places.items() if place == start or passed(start, place)}

    def _publish(self, changes: list[Change], places: Collection[int]) -> int:
        """Publish changes; return how many of the first ones are published."""
        self._measure(changes)
        left = set(range(len(changes)))
        for wave in waves_of(changes):
            if self._stopped() or not self._partitions.still_held(places):
                break
            announced = [number for number in wave if changes[number].event is not None]
            events = [event_of(changes[number]) for number in announced]
            count = self._publisher.publish_all(events) if events else 0
            self.published += count
            left -= {*wave} - {*announced[count:]}
            if count < len(events):
                break
        return min(left, default=len(changes))

    def _measure(self, waiting: list[Change]) -> None:
        self.lag_changes = len(waiting)
        self.lag_seconds = max(0.0, (self._core.clock() - waiting[0].changed_at) / 1000) if waiting else 0.0

    def _move(self, consumer: str, place: str, sequence: str) -> None:
        try:
            self._feed.move_checkpoint(consumer, expected=place, sequence=sequence)
        except CheckpointConflict:
            # Another relay has the partition: the next step looks again.
            return

    def _trim(self, passed: int) -> None:
        self._untrimmed += passed
        if self._untrimmed >= TRIM_EVERY:
            self._untrimmed -= TRIM_EVERY
            self._recounts.look(self._core.clock())
            # Trim twice as many as arrived, so that a backlog held by another consumer shrinks.
            self._feed.trim_changes(limit=2 * TRIM_EVERY)


def waves_of(changes: list[Change]) -> Iterator[list[int]]:
    """Divide changes, by their numbers, so that each wave has a file once and those of a file keep their order."""
    left = list(range(len(changes)))
    while left:
        seen: set[str] = set()
        wave: list[int] = []
        later: list[int] = []
        for number in left:
            file_id = changes[number].file_id
            (later if file_id in seen else wave).append(number)
            seen.add(file_id)
        yield wave
        left = later


def event_of(change: Change) -> Event:
    """Return the event that announces a change."""
    assert change.event is not None
    return Event(change.event, payload_of(change), change.record.change_token)


def payload_of(change: Change) -> JSON:
    """Return the payload of a change's event: the record without secrets, and the change."""
    payload = to_wire(change.record)
    return payload | {"event": change.event, "event_id": change.record.change_token, "changed_at": change.changed_at}
