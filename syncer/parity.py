"""Comparison of two stores: by their sums, then bucket by bucket, then file by file, while writes go on.

1. Two buckets that are equal at any moment held the same then: nothing in them is lost.
2. A file differs when the target still has another state after the checkpoint passed everything that was written
   before the source was looked at. What waits longer than ``wait_seconds`` for that is reported as lagging.
3. Sums that differ though no file does are wrong in one of the stores: then they prove nothing, and that is reported.
4. Of a bucket that differs the revisions are read, then the hashes where these do not explain its sums, and records
   only where the hashes do not either: many files may differ, and each costs little more than one.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import TypeVar

from storage_adapters import (
    DIGEST_BUCKETS,
    DigestBucket,
    DocumentKey,
    FileRecord,
    SupportsDigest,
    digest_halves,
    record_to_document,
)
from syncer.pair import Key, Pair, SourceStore, State, TargetStore, alike, living, state_of

K = TypeVar("K")

SETTLE_SECONDS = 0.05
_CONFIRM_AT_ONCE = 1_000
_FEW = 64
_ROUNDS_WITHOUT_GAIN = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that differs; ``kind`` is the target's: missing, extra, older, newer or different.

    With a ``collection`` it is a document, and ``file_id`` its id.
    """

    file_id: str
    kind: str
    source_revision: int
    target_revision: int
    lagging: bool = False
    collection: str | None = None

    @property
    def key(self) -> Key:
        """Key of the difference in the stores."""
        return self.file_id if self.collection is None else DocumentKey(self.collection, self.file_id)


def differences(
    pair: Pair,
    *,
    wait_seconds: float = 30.0,
    wait: Callable[[float], object] = time.sleep,
    full: bool = False,
    wrong_sums: Callable[[str, int], object] = lambda role, bucket: None,
) -> Iterator[Difference]:
    """Yield every file and document that differs, each once; with ``full`` whatever the sums say.

    ``wrong_sums`` is called for each bucket whose records were all read, with the store in which its sums are wrong.
    """
    deadline = time.monotonic() + wait_seconds
    every = set(range(DIGEST_BUCKETS))
    files = every if full else _buckets(pair, wait, lambda store: store.digest())
    documents = every if full else _buckets(pair, wait, lambda store: store.document_digest())
    suspects: Iterator[Key] = chain(
        _suspects(pair, files, full=full, wrong_sums=wrong_sums), _suspect_documents(pair, documents)
    )
    while batch := list(islice(suspects, _CONFIRM_AT_ONCE)):
        yield from _confirmed(pair, batch, deadline, wait)


def is_equal(pair: Pair) -> bool:
    """Return True when both stores have the same sums now; the cost does not depend on the number of files."""
    return (
        pair.source.digest() == pair.target.digest() and pair.source.document_digest() == pair.target.document_digest()
    )


def _buckets(
    pair: Pair, wait: Callable[[float], object], digest_of: Callable[[SourceStore | TargetStore], list[DigestBucket]]
) -> set[int]:
    """Return buckets that were never seen equal, looking a few times while copies are on their way."""
    open_buckets, without_gain = set(range(DIGEST_BUCKETS)), 0
    while open_buckets:
        here, there = digest_of(pair.source), digest_of(pair.target)
        left = {bucket for bucket in open_buckets if here[bucket] != there[bucket]}
        without_gain = without_gain + 1 if left == open_buckets else 0
        open_buckets = left
        if without_gain == _ROUNDS_WITHOUT_GAIN or not left or not _is_behind(pair, pair.source.last_sequence()):
            break
        wait(SETTLE_SECONDS)
    return open_buckets


def _is_behind(pair: Pair, sequence: str) -> bool:
    """Return True when this change, or the first backfill, is on its way; False where nothing copies."""
    # Looked at first: where it ends, the other checkpoint appears.
    is_being_filled = bool(pair.source.checkpoint(pair.backfill_consumer))
    checkpoint = pair.source.checkpoint(pair.consumer)
    return not pair.source.has_passed(sequence, checkpoint) if checkpoint else is_being_filled


def _suspects(
    pair: Pair, buckets: Iterable[int], *, full: bool, wrong_sums: Callable[[str, int], object]
) -> Iterator[str]:
    for bucket in sorted(buckets):
        unlike: set[str] = set()
        if not full:
            unlike = _unlike(pair.source.bucket_revisions(bucket), pair.target.bucket_revisions(bucket))
            if len(unlike) > _FEW or not _explain(pair, bucket, unlike):
                unlike |= _unlike(pair.source.bucket_hashes(bucket), pair.target.bucket_hashes(bucket))
            elif not unlike:
                # What was on its way has arrived.
                continue
        if not unlike:
            unlike = _unlike_documents(pair, bucket)
            for role, store in (("source", pair.source), ("target", pair.target)):
                if _has_wrong_sums(store, bucket):
                    wrong_sums(role, bucket)
        yield from sorted(unlike)


def _suspect_documents(pair: Pair, buckets: Iterable[int]) -> Iterator[DocumentKey]:
    for bucket in sorted(buckets):
        here, there = (
            {document.key: document for document in store.bucket_documents(bucket)}
            for store in (pair.source, pair.target)
        )
        yield from sorted(_unlike(here, there))


def _unlike(here: Mapping[K, object], there: Mapping[K, object]) -> set[K]:
    return {key for key in here.keys() | there.keys() if here.get(key) != there.get(key)}


def _has_wrong_sums(store: SupportsDigest, bucket: int) -> bool:
    """Return True when the sums of a bucket differ from its records; False when it was written to meanwhile."""
    told, summed = store.bucket_digest(bucket), _sum(store.bucket_records(bucket))
    return told != summed and store.bucket_digest(bucket) == told


def _explain(pair: Pair, bucket: int, file_ids: set[str]) -> bool:
    """Return True when these files alone make the sums of the bucket differ."""
    remainders = []
    for store in (pair.source, pair.target):
        total = store.bucket_digest(bucket)
        states = (state_of(store, file_id) for file_id in file_ids)
        part = _sum(state for state in states if isinstance(state, FileRecord))
        remainders.append((total.files - part.files, total.high - part.high, total.low - part.low))
    return remainders[0] == remainders[1]


def _sum(records: Iterable[FileRecord]) -> DigestBucket:
    files, high, low = 0, 0, 0
    for record in records:
        halves = digest_halves(record)
        files, high, low = files + 1, high + halves[0], low + halves[1]
    return DigestBucket(files=files, high=high, low=low)


def _unlike_documents(pair: Pair, bucket: int) -> set[str]:
    """Return the files of a bucket whose records are not the same, or are in one store only."""
    here, there = (
        {each.file_id: hashlib.blake2b(record_to_document(each), digest_size=16).digest() for each in records}
        for records in (pair.source.bucket_records(bucket), pair.target.bucket_records(bucket))
    )
    return _unlike(here, there)


def _confirmed(pair: Pair, keys: list[Key], deadline: float, wait: Callable[[float], object]) -> Iterator[Difference]:
    """Compare files and documents again until each is alike, surely different, or too late to decide."""
    while keys:
        before = [state_of(pair.source, key) for key in keys]
        passed = _wait_until_copied(pair, deadline, wait)
        undecided = []
        for key, was in zip(keys, before, strict=True):
            there, here = state_of(pair.target, key), state_of(pair.source, key)
            if alike(there, was) or alike(there, here) or _revision(was) < _revision(there) < _revision(here):
                continue
            if not passed:
                yield _difference(key, here, there, lagging=True)
            elif here == was or _revision(there) < _revision(was) or _revision(there) >= _revision(here):
                yield _difference(key, here, there)
            elif time.monotonic() > deadline:
                yield _difference(key, here, there, lagging=True)
            else:
                undecided.append(key)
        keys = undecided


def _wait_until_copied(pair: Pair, deadline: float, wait: Callable[[float], object]) -> bool:
    """Wait until the checkpoint has passed the present feed, not at all without a follower; return False when late."""
    last = pair.source.last_sequence()
    while _is_behind(pair, last):
        if time.monotonic() > deadline:
            return False
        wait(SETTLE_SECONDS)
    return True


def _difference(key: Key, here: State, there: State, *, lagging: bool = False) -> Difference:
    revisions = _revision(here), _revision(there)
    if living(there) is None:
        kind = "missing"
    elif living(here) is None:
        kind = "extra"
    elif revisions[0] == revisions[1]:
        kind = "different"
    else:
        kind = "older" if revisions[1] < revisions[0] else "newer"
    collection, name = key if isinstance(key, DocumentKey) else (None, key)
    return Difference(name, kind, *revisions, lagging=lagging, collection=collection)


def _revision(state: State) -> int:
    return 0 if state is None else state.revision
