"""Pairs of open stores, and how tests write to the source and look at both."""

from __future__ import annotations

from storage_adapters import FileRecord, ListQuery, MetadataStore, SupportsDigest, open_metadata_store, sync_name
from syncer.metrics import Metrics
from syncer.pair import Pair, pair_of, state_of
from syncer.parity import Difference, differences
from syncer.syncer import BATCH, Syncer
from tests.contract.consistency import assert_digest, recomputed_usage
from tests.contract.metadata_scenes import make_record, walk

MOST_STEPS = 10_000


def open_pair_of(source_url: str, target_url: str) -> Pair:
    source = open_metadata_store(source_url)
    target = open_metadata_store(target_url)
    return pair_of(source, target, source_name=sync_name(source_url), name=sync_name(target_url))


def make_syncer(pair: Pair, *, batch: int = BATCH, accepted: bool = False) -> Syncer:
    return Syncer(pair, Metrics(), batch=batch, accepted=accepted)


def catch_up(syncer: Syncer) -> None:
    """Step until there is nothing left to copy, the backfill included."""
    for _ in range(MOST_STEPS):
        delay = syncer.step()
        assert not syncer.is_standby
        if syncer.is_caught_up and delay:
            return
    raise AssertionError("it never catches up")


def sync(pair: Pair) -> None:
    """Run a syncer until all is copied."""
    syncer = make_syncer(pair)
    catch_up(syncer)
    syncer.give_up()


def found(pair: Pair, *, wait_seconds: float = 120.0) -> list[Difference]:
    return sorted(differences(pair, wait_seconds=wait_seconds), key=lambda difference: difference.file_id)


def all_records(store: MetadataStore) -> list[FileRecord]:
    """Every record, read one by one through the list and compared with what ``get`` says."""
    records = walk(store, ListQuery(order_by="created_at", descending=False, limit=100, section=None))
    for record in records:
        assert state_of(store, record.file_id) == record
    return records


def assert_equal(pair: Pair) -> list[FileRecord]:
    """Both stores hold the same: by their records, by their sums, and by the syncer's own word."""
    here, there = all_records(pair.source), all_records(pair.target)
    assert there == here
    assert isinstance(pair.source, SupportsDigest)
    assert pair.source.digest() == pair.target.digest()
    assert found(pair) == []
    return here


def assert_sums(store: MetadataStore) -> list[FileRecord]:
    """Counters and sums follow from the records. The feed is not looked at: it knows nothing of repairs."""
    records = all_records(store)
    assert isinstance(store, SupportsDigest)
    assert_digest(store, records)
    assert store.usage(None) == recomputed_usage(records)
    return records


def numbered(count: int, start: int = 0) -> list[FileRecord]:
    """New records, three at each time, as uploads would leave them."""
    return [
        make_record(f"f{number:06}", created_at=1_700_000_000_000 + number // 3, alias=f"alias {number}", tags=("red",))
        for number in range(start, start + count)
    ]
