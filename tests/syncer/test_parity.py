"""Two stores are compared: every difference is found, and nothing else."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from storage_adapters import FileRecord, StorageUnavailable, SupportsDigest, Tombstone, digest_bucket
from syncer.pair import Pair, replica
from syncer.parity import Difference, differences, is_equal
from syncer.repair import repair
from tests.contract.metadata_scenes import NOW, add, delete, make_record, save
from tests.scale import NIGHTLY
from tests.syncer.conftest import LOCAL_PAIRS, PAIRS
from tests.syncer.damage import damage
from tests.syncer.pairs import assert_equal, assert_sums, found, make_syncer, numbered, sync

every_pair = pytest.mark.parametrize("urls", PAIRS, indirect=True)
local_pairs = pytest.mark.parametrize("urls", LOCAL_PAIRS, indirect=True)
FILES, DAMAGED = (200_000, 1_000) if NIGHTLY else (600, 50)
BATCH = 500
INDEXED_AT_ONCE = 20_000
INDEX_SECONDS = 1_800.0


def difference(file_id: str, kind: str, source: int, target: int) -> Difference:
    return Difference(file_id=file_id, kind=kind, source_revision=source, target_revision=target)


def have_indexed(store: SupportsDigest) -> None:
    """Ask for sums until there are some: views are made when they are asked for, which may take several requests."""
    deadline = time.monotonic() + INDEX_SECONDS
    while True:
        try:
            store.bucket_digest(0)
        except StorageUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


@every_pair
def test_each_kind_of_difference_is_told(pair: Pair) -> None:
    records = add(pair.source, *numbered(8))
    records[3] = save(pair.source, records[3])
    deleted = delete(pair.source, records[7])
    sync(pair)
    assert is_equal(pair)
    assert found(pair) == []
    pair.target.discard(["f000000"])
    pair.target.replicate([replace(records[1], name="other")], force=True)
    pair.target.replicate([replace(records[2], revision=9)])
    pair.target.replicate([replace(records[3], revision=1)], force=True)
    pair.target.replicate([make_record("stranger", revision=1)])
    tombstone = Tombstone(file_id="f000005", owner="ann", revision=2, deleted_at=NOW, clean_after=NOW)
    pair.target.replicate([tombstone])
    pair.target.replicate([records[7]], force=True)
    assert found(pair) == [
        difference("f000000", "missing", 1, 0),
        difference("f000001", "different", 1, 1),
        difference("f000002", "newer", 1, 9),
        difference("f000003", "older", 2, 1),
        difference("f000005", "missing", 1, 2),
        difference("f000007", "extra", deleted.revision, 1),
        difference("stranger", "extra", 0, 1),
    ]


@every_pair
@pytest.mark.timeout(7_200 if NIGHTLY else 600)
def test_exactly_the_files_that_were_damaged_are_found_and_repaired(pair: Pair, urls: tuple[str, str]) -> None:
    # A CouchDB-protocol server in JavaScript takes its time.
    slow = any(url.startswith("couchdb") for url in urls) and not NIGHTLY
    files, count = (150, 20) if slow else (FILES, DAMAGED)
    for start in range(0, files, BATCH):
        copies = [replace(record, revision=3) for record in numbered(min(BATCH, files - start), start=start)]
        for store in (pair.source, pair.target):
            replica(store).replicate(copies)
            if start % INDEXED_AT_ONCE == 0:
                have_indexed(store)
    assert found(pair) == []
    damaged = damage(pair, random.Random(files), files=files, count=count)
    started = time.monotonic()
    told = {difference.file_id: difference.kind for difference in differences(pair)}
    print(f"{len(told)} differences among {files} files found in {time.monotonic() - started:.1f} s")  # noqa: T201
    assert told == damaged
    assert len(Counter(damaged.values())) == 4
    assert all(repair(file_id, leader=pair.source, follower=pair.target) for file_id in damaged)
    assert found(pair) == []
    assert is_equal(pair)


@pytest.mark.parametrize("urls", PAIRS[1:], indirect=True)
def test_what_is_asked_follows_from_what_differs(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sums of all files are asked for once, each bucket that differs once, and no record that a hash stands for."""
    copies = [replace(record, revision=3) for record in numbered(400)]
    replica(pair.source).replicate(copies)
    pair.target.replicate(copies)
    damaged = damage(pair, random.Random(400), files=400, count=60)
    buckets = {digest_bucket(file_id) for file_id in damaged}
    asked = {store: count_calls(monkeypatch, store) for store in (pair.source, pair.target)}
    assert {difference.file_id for difference in differences(pair)} == damaged.keys()
    for store, calls in asked.items():
        keeps_hashes = type(store).bucket_hashes is not SupportsDigest.bucket_hashes
        assert calls["digest"] == 1
        assert calls["bucket_digest"] == calls["bucket_revisions"] == len(buckets)
        assert calls["bucket_records"] <= (0 if keeps_hashes else len(buckets))
        assert calls["get"] <= 3 * len(damaged)


def count_calls(monkeypatch: pytest.MonkeyPatch, store: SupportsDigest) -> Counter[str]:
    """Count how often each of these is called from now on."""
    calls = Counter[str]()

    def counted(name: str) -> Callable[..., Any]:
        method = getattr(store, name)

        def call(*arguments: Any) -> Any:
            calls[name] += 1
            return method(*arguments)

        return call

    for name in ("digest", "bucket_digest", "bucket_revisions", "bucket_hashes", "bucket_records", "get"):
        monkeypatch.setattr(store, name, counted(name))
    return calls


def test_tombstones_make_no_difference(pair: Pair) -> None:
    add(pair.source, *numbered(3))
    sync(pair)
    pair.target.replicate([Tombstone(file_id="x", owner="ann", revision=2, deleted_at=NOW, clean_after=NOW)])
    assert found(pair) == []


@local_pairs
def test_what_is_on_its_way_is_no_difference(pair: Pair) -> None:
    records = add(pair.source, *numbered(30))
    sync(pair)
    records = [save(pair.source, record, name="new") for record in records[:20]] + records[20:]
    pair.target.discard(["f000025"])
    syncer = make_syncer(pair)

    def wait(seconds: float) -> None:
        # Whoever waits lets the syncer go on, and the writers too.
        syncer.step()
        records[0] = save(pair.source, records[0])

    found_ones = list(differences(pair, wait=wait, wait_seconds=60))
    assert found_ones == [difference("f000025", "missing", 1, 0)]


@local_pairs
def test_a_first_backfill_that_is_under_way_is_waited_for(pair: Pair) -> None:
    add(pair.source, *numbered(40))
    syncer = make_syncer(pair, batch=7)
    syncer.step()
    told = found(pair, wait_seconds=0.05)
    assert told
    assert all(each.lagging for each in told)
    assert list(differences(pair, wait=lambda seconds: syncer.step(), wait_seconds=60)) == []


def test_what_never_arrives_is_told_as_on_its_way(pair: Pair) -> None:
    records = add(pair.source, *numbered(10))
    sync(pair)
    save(pair.source, records[4])
    [only] = found(pair, wait_seconds=0.05)
    assert only == replace(difference("f000004", "older", 2, 1), lagging=True)


def test_writers_and_a_syncer_at_work_make_no_difference(pair: Pair) -> None:
    add(pair.source, *numbered(300))
    sync(pair)
    pair.target.replicate([replace(pair.source.get("f000007"), name="other")], force=True)
    stopping = threading.Event()
    syncer = make_syncer(pair)

    def copy() -> None:
        while not stopping.is_set():
            stopping.wait(syncer.step() / 10)

    def write() -> None:
        chosen = random.Random(1)
        while not stopping.is_set():
            number = chosen.randrange(8, 300)
            save(pair.source, pair.source.get(f"f{number:06}"), name=f"{number}")
            stopping.wait(0.001)

    threads = [threading.Thread(target=work) for work in (copy, write)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            assert found(pair) == [difference("f000007", "different", 1, 1)]
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


class TestRepair:
    @local_pairs
    @pytest.mark.parametrize("to_source", [False, True])
    def test_either_store_can_be_right(self, pair: Pair, to_source: bool) -> None:
        records = add(pair.source, *numbered(60))
        sync(pair)
        damaged = damage(pair, random.Random(60), files=60, count=24)
        right, wrong = (pair.target, pair.source) if to_source else (pair.source, pair.target)
        before = assert_sums(right)
        assert all(repair(file_id, leader=right, follower=wrong) for file_id in damaged)
        assert assert_equal(pair) == before
        assert (before == records) is not to_source
        assert_sums(wrong)

    def test_a_deletion_is_repaired_with_its_tombstone(self, pair: Pair) -> None:
        records = add(pair.source, *numbered(3))
        tombstone = delete(pair.source, records[0])
        sync(pair)
        pair.target.replicate([replace(records[0], revision=9)], force=True)
        assert repair("f000000", leader=pair.source, follower=pair.target)
        assert pair.target.unclean(now=NOW, limit=9) == [tombstone]
        assert_equal(pair)

    def test_a_state_that_was_read_too_early_does_not_stay(self, pair: Pair) -> None:
        [record] = add(pair.source, make_record("f1"))
        pair.target.replicate([replace(record, revision=5, name="wrong")])

        class Leader(type(pair.source)):  # type: ignore[misc]
            def get(self, file_id: str) -> FileRecord:
                found = pair.source.get(file_id)
                if found.revision < 4:
                    newer = save(pair.source, found, name="newer")
                    pair.target.replicate([newer])
                return found

        assert repair("f1", leader=Leader(), follower=pair.target)
        assert pair.target.get("f1") == pair.source.get("f1")
