"""Copies all files there are while writers go on; can die anywhere and goes on where it was.

1. First the place in the feed is noted, then the newest file; then the files are walked from the oldest to that one.
   What is written meanwhile is in the feed behind that place, and the source keeps it: the checkpoint holds the walk,
   which is no sequence, so nothing is trimmed.
2. Then tombstones that still name blobs are copied, and what the target has from before and the source does not is
   taken away.
3. In the end the syncer's checkpoint appears at the noted place, and the feed is followed from there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import orjson

from storage_adapters import JSON, CheckpointConflict, ListQuery, Position, StorageError
from syncer.copying import Batch, Copying
from syncer.follow import copies_of
from syncer.metrics import Metrics
from syncer.pair import Pair
from syncer.repair import repair
from syncer.right import now_ms

logger = logging.getLogger(__name__)

_FAR_FUTURE_MS = 100 * 365 * 86_400_000
_NOWHERE = Position(value=0, file_id="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How far a backfill is. ``sequence`` is where the feed stood at its beginning, ``end`` the file it ends with.

    ``end`` is None between holding the feed and looking at the stores. ``sequence`` is "" in a source whose files were
    all taken over from elsewhere: then it is handed over with the first change.
    """

    sequence: str
    started_at: int
    end: Position | None = None
    total: int = 0
    prune: bool = False
    place: Position | None = None
    copied: int = 0
    is_complete: bool = False

    def to_text(self) -> str:
        """Write it as the text of a checkpoint."""
        return orjson.dumps(self).decode()

    @classmethod
    def from_text(cls, text: str) -> Walk:
        """Read what ``to_text`` wrote."""
        value: JSON = orjson.loads(text)
        for name in ("end", "place"):
            value[name] = None if value[name] is None else Position(**value[name])
        return cls(**value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """How far a page of the walk goes, and how many files it has."""

    place: Position
    files: int


class Backfill:
    """One backfill, carried out step by step. ``walk`` is how far it is, None before the first step.

    ``is_waiting`` says of the last step that nothing can be done before the source has a change.
    """

    def __init__(self, pair: Pair, metrics: Metrics, *, batch: int) -> None:
        self.walk: Walk | None = None
        self.is_waiting = False
        self._pair, self._metrics, self._batch = pair, metrics, batch
        self._copying: Copying[Page] | None = None

    def step(self) -> int | None:
        """Copy the next batch; returns how many files it had, None when all is done and handed over.

        Returns 0 also while the source has had no change yet: then there is no place from which to follow its feed.
        """
        self.is_waiting = False
        try:
            walk = self.walk = self.walk or self._begin()
            if walk is None:
                self.is_waiting = True
                return 0
            if walk.is_complete:
                return self._hand_over(walk)
            if self._copying is None:
                self._copying = Copying(self._pair.target, self._read(walk))
            copied = self._copying.next()
            if copied is not None:
                return self._pass(walk, *copied)
            self._complete(walk)
        except StorageError as error:
            self.drop()
            if not isinstance(error, CheckpointConflict):
                raise
            logger.info("another syncer moved the backfill", extra={"target": self._pair.name})
        return 0

    def drop(self) -> None:
        """Forget what is not stored: the next step goes on from the place in the source."""
        copying, self._copying, self.walk = self._copying, None, None
        if copying is not None:
            copying.drop()

    def _begin(self) -> Walk | None:
        source, consumer = self._pair.source, self._pair.backfill_consumer
        stored = source.checkpoint(consumer)
        if stored:
            walk = Walk.from_text(stored)
            logger.info("the backfill goes on", extra={"target": self._pair.name, "copied": walk.copied})
        else:
            sequence = source.last_sequence()
            if not sequence and not source.usage(None).total.files:
                return None
            walk = Walk(sequence=sequence, started_at=now_ms())
            source.move_checkpoint(consumer, expected="", sequence=walk.to_text())
        if walk.end is not None:
            return walk
        newest = source.find(ListQuery(order_by="created_at", descending=True, limit=1)).records
        begun = replace(
            walk,
            end=Position(value=newest[0].created_at, file_id=newest[0].file_id) if newest else _NOWHERE,
            total=source.usage(None).total.files,
            prune=self._pair.target.usage(None).total.files > 0,
        )
        source.move_checkpoint(consumer, expected=walk.to_text(), sequence=begun.to_text())
        logger.info("the backfill begins", extra={"target": self._pair.name, "files": begun.total})
        return begun

    def _read(self, walk: Walk) -> Iterator[Batch[Page]]:
        assert walk.end is not None
        place, end = walk.place, _order(walk.end)
        while place is None or _order(place) < end:
            query = ListQuery(
                order_by="created_at", descending=False, limit=self._batch, scan_limit=self._batch, after=place
            )
            page = self._pair.source.find(query)
            records = [record for record in page.records if (record.created_at, record.file_id) <= end]
            place = page.next_position
            if records or place is not None:
                yield Page(place=place or walk.end, files=len(records)), records
            if place is None:
                return

    def _pass(self, walk: Walk, page: Page, stored: Sequence[bool]) -> int:
        self._metrics.count("backfill", stored)
        self._move(walk, replace(walk, place=page.place, copied=walk.copied + page.files))
        return page.files

    def _move(self, walk: Walk, moved: Walk) -> None:
        self._pair.source.move_checkpoint(
            self._pair.backfill_consumer, expected=walk.to_text(), sequence=moved.to_text()
        )
        self.walk = moved
        self._metrics.backfill_files.set(moved.copied)
        self._metrics.backfill_total.set(max(moved.total, moved.copied))

    def _complete(self, walk: Walk) -> None:
        self._copy_tombstones()
        if walk.prune:
            prune(self._pair)
        self._move(walk, replace(walk, is_complete=True))

    def _hand_over(self, walk: Walk) -> int | None:
        source, sequence = self._pair.source, walk.sequence
        if not sequence:
            changes = source.changes(after="", limit=self._batch)
            if not changes:
                self.is_waiting = True
                return 0
            self._metrics.count("feed", self._pair.target.replicate(copies_of(self._pair, changes)))
            sequence = changes[-1].sequence
        if not source.checkpoint(self._pair.consumer):
            source.move_checkpoint(self._pair.consumer, expected="", sequence=sequence)
        source.move_checkpoint(self._pair.backfill_consumer, expected=walk.to_text(), sequence="")
        seconds = round((now_ms() - walk.started_at) / 1000, 1)
        facts = {"target": self._pair.name, "copied": walk.copied, "seconds": seconds}
        logger.info("the backfill is done", extra=facts)
        return None

    def _copy_tombstones(self) -> None:
        after, now = "", now_ms() + _FAR_FUTURE_MS
        while tombstones := self._pair.source.unclean(now=now, limit=self._batch, after=after):
            self._pair.target.replicate(tombstones)
            after = tombstones[-1].file_id


def prune(pair: Pair) -> int:
    """Take away what the target has and the source does not; returns how many files that were."""
    removed = 0
    for bucket, (here, there) in enumerate(zip(pair.source.digest(), pair.target.digest(), strict=True)):
        if here == there:
            continue
        # The target first: what is copied between the two looks is in the source by then.
        present = pair.target.bucket_revisions(bucket)
        extra = present.keys() - pair.source.bucket_revisions(bucket).keys()
        removed += sum(repair(file_id, leader=pair.source, follower=pair.target) for file_id in extra)
    return removed


def _order(position: Position) -> tuple[int, str]:
    assert isinstance(position.value, int)
    return position.value, position.file_id
