"""Exact recount of all records, compared with the store's counters while writers write.

1. Our own checkpoint retains the change feed from the start of the scan.
2. The scan counts every record and remembers its contribution, in about 30 bytes.
3. Later changes are applied to the count, up to the change at which the store's own numbers were read: the old
   contribution of a changed file is subtracted, the new one added.
4. So a difference is an error of the store's numbers, whatever is written meanwhile; and because writers add and
   subtract, adding the difference corrects it at any later time.

Files written by a syncer or an import are in no feed: neither may run at the same time. An import holds the same lease;
stop a syncer into this store.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import defaultdict
from collections.abc import Iterator

from files_service.runtime.recounts import CONSUMER
from migrations.errors import StepFailed
from migrations.run import Run
from migrations.stores import RebuiltStore
from storage_adapters import (
    BEGINNING,
    DIGEST_BUCKETS,
    Change,
    DigestBucket,
    FileRecord,
    Tally,
    Usage,
    digest_bucket,
    digest_halves,
    usage_entries,
    usage_from,
)

OWNERS = 200
CHANGES = 500
_GONE = 0

_Counter = tuple[str, str]  # dimension, key
_Class = tuple[str, tuple[_Counter, ...]]  # owner, and the counters in which the content of a file counts


class _Slots:
    """Contributions of the files of one bucket: parallel columns, one row per file."""

    def __init__(self) -> None:
        self.file = array("Q")
        self.kind = array("L")
        self.size = array("Q")
        self.high = array("L")
        self.low = array("L")
        # By row: the owner and the versions of the few files that have any.
        self.versions: dict[int, tuple[str, Tally]] = {}


class Census:
    """The count at one change."""

    def __init__(self, sequence: str) -> None:
        self.sequence = sequence
        self._kinds: dict[_Class, int] = {}
        self._slots = [_Slots() for _ in range(DIGEST_BUCKETS)]
        self._files: list[int] = [0]  # by kind; kind 0 has no file
        self._bytes: list[int] = [0]
        self._digest = [[0, 0, 0] for _ in range(DIGEST_BUCKETS)]
        self._by_owner: dict[str, list[_Class]] = defaultdict(list)
        self._versions: defaultdict[str, Tally] = defaultdict(Tally)

    @property
    def owners(self) -> list[str]:
        """All owners with files."""
        return list(self._by_owner)

    def add(self, record: FileRecord) -> None:
        """Count a file of the scan."""
        bucket = digest_bucket(record.file_id)
        slots = self._slots[bucket]
        for column in (slots.file, slots.kind, slots.size, slots.high, slots.low):
            column.append(0)
        row = len(slots.file) - 1
        slots.file[row] = _short(record.file_id)
        self._fill(slots, row, record)
        self._move(bucket, row, 1)

    def replace(self, record: FileRecord, *, deleted: bool) -> None:
        """Replace the contribution of a file by that of a later change."""
        bucket = digest_bucket(record.file_id)
        slots = self._slots[bucket]
        try:
            row = slots.file.index(_short(record.file_id))
        except ValueError:
            if not deleted:
                self.add(record)
            return
        self._move(bucket, row, -1)
        self._fill(slots, row, record)
        if deleted:
            slots.kind[row] = _GONE
        self._move(bucket, row, 1)

    def usage(self, owner: str | None) -> Usage:
        """Return the count of one owner, or of all."""
        kinds = self._kinds if owner is None else self._by_owner.get(owner, ())
        counted: defaultdict[str, dict[str, Tally]] = defaultdict(dict)
        for kind in kinds:
            number = self._kinds[kind]
            if self._files[number]:
                tally = Tally(files=self._files[number], bytes=self._bytes[number])
                for dimension, key in kind[1]:
                    counted[dimension][key] = counted[dimension].get(key, Tally()) + tally
        for each in self._versions if owner is None else [owner]:
            counted["versions"][""] = counted["versions"].get("", Tally()) + self._versions.get(each, Tally())
        return usage_from(counted)

    def digest(self) -> list[DigestBucket]:
        """Return the sums of all buckets."""
        return [DigestBucket(files=files, high=high, low=low) for files, high, low in self._digest]

    def _fill(self, slots: _Slots, row: int, record: FileRecord) -> None:
        counters = list(usage_entries(record))
        slots.versions.pop(row, None)
        if record.versions:
            *counters, (_, _, versions) = counters
            slots.versions[row] = record.owner, versions
        slots.kind[row] = self._kind((record.owner, tuple((dimension, key) for dimension, key, _ in counters)))
        slots.size[row] = record.size
        slots.high[row], slots.low[row] = digest_halves(record)

    def _kind(self, kind: _Class) -> int:
        if kind not in self._kinds:
            self._kinds[kind] = len(self._files)
            self._by_owner[kind[0]].append(kind)
            self._files.append(0)
            self._bytes.append(0)
        return self._kinds[kind]

    def _move(self, bucket: int, row: int, sign: int) -> None:
        slots = self._slots[bucket]
        kind = slots.kind[row]
        if kind == _GONE:
            return
        self._files[kind] += sign
        self._bytes[kind] += sign * slots.size[row]
        for place, amount in enumerate((1, slots.high[row], slots.low[row])):
            self._digest[bucket][place] += sign * amount
        if row in slots.versions:
            owner, versions = slots.versions[row]
            self._versions[owner] += Tally(files=sign * versions.files, bytes=sign * versions.bytes)


def _short(file_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(file_id.encode(), digest_size=8).digest(), "big")


def recount(run: Run, store: RebuiltStore, *, repair: bool) -> list[str]:
    """Compare all counters and sums with a recount; with ``repair`` correct them. Return the differences."""
    census = _take(run, store)
    try:
        return list(_differences(run, store, census, repair=repair))
    finally:
        store.forget_checkpoint(CONSUMER)


def _hold(store: RebuiltStore) -> str:
    """Hold the feed, and return the place from which on it is whole."""
    held = store.checkpoint(CONSUMER)
    while True:
        start = store.last_sequence()
        # After an import the feed is empty: that has to be held, too.
        store.move_checkpoint(CONSUMER, expected=held, sequence=start or BEGINNING)
        # Changes may have come, and been trimmed, between the two calls.
        if store.has_changes_behind(start):
            return start
        held = start or BEGINNING


def _take(run: Run, store: RebuiltStore) -> Census:
    census = Census(_hold(store))
    position = ""
    while True:
        records, position = store.scan(after=position, limit=run.batch)
        for record in records:
            census.add(record)
        # An interrupted count starts again: it exists only in this process's memory.
        run.save("counting", position, files=len(records))
        if not position:
            return census


def _differences(run: Run, store: RebuiltStore, census: Census, *, repair: bool) -> Iterator[str]:
    for number, owners in enumerate(_batches(store, census)):
        counted = store.counted(owners)
        _advance(store, census, counted.sequence)
        for owner, stored in zip(owners, counted.usages, strict=True):
            difference = _minus(census.usage(owner), stored)
            if difference != Usage():
                name = "everybody" if owner is None else f"owner {owner!r}"
                found = census.usage(owner).total.files
                yield f"counters of {name}: {stored.total.files} files stored, {found} counted"
                if repair:
                    store.correct_usage(owner, difference)
        if number == 0:
            for bucket, (is_, should) in enumerate(zip(counted.digest, census.digest(), strict=True)):
                if is_ != should:
                    yield f"digest bucket {bucket}: {is_.files} files stored, {should.files} counted"
                    if repair:
                        store.correct_digest(
                            bucket,
                            DigestBucket(
                                files=should.files - is_.files, high=should.high - is_.high, low=should.low - is_.low
                            ),
                        )
        run.save("comparing", number)


def _batches(store: RebuiltStore, census: Census) -> Iterator[list[str | None]]:
    """Yield all owners together, and each owner with files or counters."""
    yield [None]
    known = set(census.owners)
    owners = sorted(known)
    for start in range(0, len(owners), OWNERS):
        yield list(owners[start : start + OWNERS])
    position = ""
    while True:
        counted, position = store.counted_owners(after=position, limit=OWNERS)
        strangers: list[str | None] = list(dict.fromkeys(owner for owner in counted if owner not in known))
        known.update(counted)
        if strangers:
            yield strangers
        if not position:
            return


def _advance(store: RebuiltStore, census: Census, sequence: str) -> None:
    """Apply the changes up to this one."""
    while not store.has_passed(sequence, census.sequence):
        changes = store.changes(after=census.sequence, limit=CHANGES)
        if not changes:
            raise StepFailed("the change feed lost changes while files were counted: run it again")
        for change in changes:
            if isinstance(change, Change):
                census.replace(change.record, deleted=change.deleted)
            census.sequence = change.sequence
            if change.sequence == sequence:
                break


def _minus(one: Usage, other: Usage) -> Usage:
    difference: defaultdict[str, defaultdict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
    for usage, sign in ((one, 1), (other, -1)):
        for dimension, key, tally in usage.counters():
            difference[dimension][key] += Tally(files=sign * tally.files, bytes=sign * tally.bytes)
    return usage_from(
        {
            dimension: {key: tally for key, tally in tallies.items() if tally != Tally()}
            for dimension, tallies in difference.items()
        }
    )
