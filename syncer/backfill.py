"""All files as a source of batches, while writers write; after a crash it resumes at its checkpoint.

1. First the place in the feed is noted, then the newest file; then the files are walked from the oldest to that one.
   What is written meanwhile is in the feed behind that place, and the source keeps it: the checkpoint holds the walk,
   which is no sequence, so nothing is trimmed.
2. Then documents and tombstones that still name blobs are copied, and what the target has from before is removed where
   the source has a tombstone of it. What the source never had is removed only when the source was accepted as it is.
3. The target is marked as being filled at the beginning, and as a copy in the end: a target that was exchanged
   meanwhile is filled from the beginning.
4. In the end the syncer's checkpoint appears at the noted place, and the feed is followed from there.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from itertools import islice

import orjson

from files_service.runtime.clock import now_ms
from storage_adapters import BEGINNING, DIGEST_BUCKETS, JSON, MARK, CheckpointConflict, CopyMark, ListQuery, Position
from syncer.metrics import Metrics
from syncer.pair import Pair, SourceStore, state_of
from syncer.pipeline import FILES, Batch, Source
from syncer.repair import repair

logger = logging.getLogger(__name__)

_FAR_FUTURE_MS = 100 * 365 * 86_400_000
_NOWHERE = Position(value=0, file_id="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Progress of a backfill. ``sequence`` is where the feed stood at its beginning, ``end`` the file it ends with.

    ``end`` is None between holding the feed and looking at the stores. ``prune`` removes from the target what the
    source does not know. ``sequence`` is "" in a source whose files were all imported: its feed is still empty.
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

    @property
    def is_at_end(self) -> bool:
        """True when all files were walked."""
        return self.place is not None and self.end is not None and _order(self.place) >= _order(self.end)


class Backfill(Source):
    """The files in the order of their creation; positions are walks, and the one behind the last batch is ""."""

    name = "backfill"

    def __init__(self, pair: Pair, metrics: Metrics, *, batch: int) -> None:
        self.consumer = pair.backfill_consumer
        self._pair, self._metrics, self._batch = pair, metrics, batch

    def start(self) -> str:
        """Return where a walk is that was begun before, or begin one; "" in a source that never had a file."""
        source = self._pair.source
        stored = source.checkpoint(self.consumer)
        if stored:
            walk = Walk.from_text(stored)
            if walk.end is not None and not self._is_marked(walk):
                logger.warning("the target is not the one that the backfill began with; it begins anew")
                walk = hold_feed(self._pair, stored, prune=walk.prune)
            logger.info("the backfill continues", extra={"target": self._pair.name, "copied": walk.copied})
        else:
            sequence = source.last_sequence()
            if not sequence and not source.usage(None).total.files and not _has_documents(source):
                return ""
            walk = hold_feed(self._pair, "", prune=False)
        if walk.end is not None:
            return walk.to_text()
        newest = source.find(ListQuery(section=None, order_by="created_at", descending=True, limit=1)).records
        begun = replace(
            walk,
            end=Position(value=newest[0].created_at, file_id=newest[0].file_id) if newest else _NOWHERE,
            total=source.usage(None).total.files,
        )
        if not source.checkpoint(self._pair.consumer):
            set_mark(self._pair, walk.started_at)
        source.move_checkpoint(self.consumer, expected=walk.to_text(), sequence=begun.to_text())
        logger.info("the backfill begins", extra={"target": self._pair.name, "files": begun.total})
        return begun.to_text()

    def read(self, position: str) -> Batch | None:
        """Return the next page; behind the last one, do what remains: all pages have passed by then."""
        walk = Walk.from_text(position) if position else None
        if walk is None or walk.end is None:
            return None
        if walk.is_complete:
            return self._hand_over(walk)
        if walk.is_at_end:
            return self._complete(walk)
        query = ListQuery(
            section=None,
            order_by="created_at",
            descending=False,
            limit=self._batch,
            scan_limit=self._batch,
            after=walk.place,
        )
        page = self._pair.source.find(query)
        for file_id in page.unreadable:
            self._pair.source.get(file_id)  # raises UnreadableRecord: the copy would lack the file
        records = [record for record in page.records if (record.created_at, record.file_id) <= _order(walk.end)]
        moved = replace(walk, place=page.next_position or walk.end, copied=walk.copied + len(records))
        copies = {FILES: records}
        return Batch(position=moved.to_text(), size=len(records), copies=copies, is_last=moved.is_at_end)

    def measure(self, position: str, batch: Batch | None) -> None:
        """Note nothing: the lag is that of the feed."""

    def passed(self, position: str, batch: Batch) -> None:
        """Show the progress."""
        walk = Walk.from_text(batch.position or position)
        self._metrics.backfill_files.set(walk.copied)
        self._metrics.backfill_total.set(max(walk.total, walk.copied))
        if not batch.position:
            seconds = round((now_ms() - walk.started_at) / 1000, 1)
            facts = {"target": self._pair.name, "copied": walk.copied, "seconds": seconds}
            logger.info("the backfill is complete", extra=facts)

    def _is_marked(self, walk: Walk) -> bool:
        """Return True when the target is the one that the walk began with, or is a copy that is followed as well."""
        filling = CopyMark(source=self._pair.source.identity(), fill=walk.started_at)
        is_followed = bool(self._pair.source.checkpoint(self._pair.consumer))
        return is_followed or CopyMark.from_text(self._pair.target.read_note(MARK)) == filling

    def _complete(self, walk: Walk) -> Batch:
        """Copy documents and tombstones, and prune."""
        copy_documents(self._pair, self._batch, unknown=walk.prune)
        after, now = "", now_ms() + _FAR_FUTURE_MS
        while tombstones := self._pair.source.unclean(now=now, limit=self._batch, after=after):
            self._pair.target.replicate(tombstones)
            after = tombstones[-1].file_id
        prune(self._pair, unknown=walk.prune)
        return Batch(position=replace(walk, is_complete=True).to_text(), size=0, copies={}, is_last=True)

    def _hand_over(self, walk: Walk) -> Batch:
        """Set the checkpoint of the copy."""
        source, sequence = self._pair.source, walk.sequence or BEGINNING
        if not source.checkpoint(self._pair.consumer):
            set_mark(self._pair, walk.started_at, sequence=sequence)
            source.move_checkpoint(self._pair.consumer, expected="", sequence=sequence)
        return Batch(position="", size=0, copies={}, is_last=True)


def hold_feed(pair: Pair, found: str, *, prune: bool) -> Walk:
    """Begin a walk in place of the one found ("" = none): from here on the source keeps its feed."""
    walk = Walk(sequence=pair.source.last_sequence(), started_at=now_ms(), prune=prune)
    pair.source.move_checkpoint(pair.backfill_consumer, expected=found, sequence=walk.to_text())
    # Changes may have come, and been trimmed, between the two calls.
    while not pair.source.has_changes_behind(walk.sequence):
        later = replace(walk, sequence=pair.source.last_sequence())
        pair.source.move_checkpoint(pair.backfill_consumer, expected=walk.to_text(), sequence=later.to_text())
        walk = later
    return walk


def set_mark(pair: Pair, fill: int, *, sequence: str | None = None) -> None:
    """Mark the target as being filled since ``fill``; with a sequence, turn that mark into the one of a copy.

    Raises CheckpointConflict when the target is not the one that was being filled.
    """
    filling = CopyMark(source=pair.source.identity(make=True), fill=fill)
    if sequence is None:
        expected, mark = pair.target.read_note(MARK), filling
    else:
        expected, mark = filling.to_text(), CopyMark(source=filling.source, checkpoint=sequence)
    if not pair.target.write_note(MARK, expected=expected, text=mark.to_text()):
        raise CheckpointConflict("the target is not the one that was being filled")


def prune(pair: Pair, *, unknown: bool) -> int:
    """Remove the files that the target has and the source deleted; return their number.

    With ``unknown`` remove those as well that the source never had.
    """
    removed = left = 0
    for bucket, (here, there) in enumerate(zip(pair.source.digest(), pair.target.digest(), strict=True)):
        if here == there:
            continue
        # The target first: what is copied between the two looks is in the source by then.
        present = pair.target.bucket_revisions(bucket)
        extra = present.keys() - pair.source.bucket_revisions(bucket).keys()
        for file_id in extra:
            if unknown or state_of(pair.source, file_id) is not None:
                removed += repair(file_id, leader=pair.source, follower=pair.target)
            else:
                left += 1
    _tell_left(pair, left)
    return removed


def _tell_left(pair: Pair, count: int) -> None:
    if count:
        facts = {"target": pair.name, "count": count}
        logger.warning("the target has what the source never had; `verify` names it, `repair` removes it", extra=facts)


def copy_documents(pair: Pair, batch: int, *, unknown: bool) -> None:
    """Copy all documents, and remove those that the target has and the source deleted, or all others: see ``prune``."""
    left = 0
    for bucket in range(DIGEST_BUCKETS):
        # The target first: what is copied between the two looks is in the source by then.
        extra = {document.key for document in pair.target.bucket_documents(bucket)}
        documents = pair.source.bucket_documents(bucket)
        while copies := list(islice(documents, batch)):
            pair.target.replicate_documents(copies)
            extra -= {copy.key for copy in copies}
        for key in extra:
            if unknown or state_of(pair.source, key) is not None:
                repair(key, leader=pair.source, follower=pair.target)
            else:
                left += 1
    _tell_left(pair, left)


def _has_documents(source: SourceStore) -> bool:
    return any(bucket.files for bucket in source.document_digest())


def _order(position: Position) -> tuple[int, str]:
    assert isinstance(position.value, int)
    return position.value, position.file_id
