"""What a store with ``SupportsDigest`` must do: sums that tell two stores apart or the same."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage_adapters import DIGEST_BUCKETS, DigestBucket, RevisionConflict, digest_bucket
from tests.contract.consistency import assert_digest
from tests.contract.metadata_scenes import DigestStore, add, delete, make_record, save, various_records
from tests.scale import at_scale

_NEW_IDS = itertools.count()  # one store serves all examples, and no id is used twice
_Writes = list[tuple[int, str, str]]
_WRITES = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["save", "delete"]), st.text(max_size=3)), max_size=20)


class DigestContract:
    """The capability ``SupportsDigest``."""

    def test_an_empty_store_has_empty_buckets(self, store: DigestStore) -> None:
        assert store.digest() == [DigestBucket()] * DIGEST_BUCKETS
        assert store.bucket_digest(0) == DigestBucket()
        assert store.bucket_revisions(0) == {}
        assert store.bucket_hashes(0) == {}

    def test_the_digest_is_the_sum_over_the_records(self, store: DigestStore) -> None:
        records = add(store, *various_records())
        assert_digest(store, records)
        records = [save(store, record, name="changed") for record in records[:20]] + records[20:]
        assert_digest(store, records)
        for record in records[10:]:
            delete(store, record)
        assert_digest(store, records[:10])

    def test_every_change_of_a_record_changes_the_digest(self, store: DigestStore) -> None:
        record = save(store, make_record())
        seen = [store.digest()]
        for change in ({"name": "x"}, {"meta": {"a": 1}}, {"tags": ("red",)}, {}):
            record = save(store, record, **change)
            assert store.digest() not in seen
            seen.append(store.digest())
        delete(store, record)
        assert store.digest() == [DigestBucket()] * DIGEST_BUCKETS

    def test_a_failed_write_leaves_the_digest(self, store: DigestStore) -> None:
        records = add(store, make_record("f1"), make_record("f2"))
        for stale in (make_record("f1", name="x"), replace(records[1], revision=5)):
            try:
                save(store, stale)
            except RevisionConflict:
                continue
            raise AssertionError("a stale revision was saved")
        assert_digest(store, records)

    def test_a_bucket_names_its_files_and_revisions(self, store: DigestStore) -> None:
        record = save(store, save(store, make_record("f1")))
        others = add(store, *(make_record(f"f{number}") for number in range(2, 600)))
        bucket = digest_bucket("f1")
        same = [other for other in others if digest_bucket(other.file_id) == bucket]
        assert same
        assert store.bucket_revisions(bucket) == {"f1": 2} | {other.file_id: 1 for other in same}
        assert sorted(store.bucket_records(bucket), key=lambda r: r.file_id) == sorted(
            [record, *same], key=lambda r: r.file_id
        )
        delete(store, record)
        assert "f1" not in store.bucket_revisions(bucket)
        assert sorted(r.file_id for r in store.bucket_records(bucket)) == sorted(r.file_id for r in same)

    @settings(max_examples=at_scale(quick=10, default=15, nightly=300), suppress_health_check=list(HealthCheck))
    @given(writes=_WRITES)
    def test_the_digest_is_the_sum_after_any_writes(
        self, store: DigestStore, writes: list[tuple[int, str, str]]
    ) -> None:
        records = {number: save(store, make_record(f"f{next(_NEW_IDS)}")) for number in range(6)}
        for number, write, name in writes:
            if write == "save" and number in records:
                records[number] = save(store, records[number], name=name, size=len(name))
            elif number in records:
                delete(store, records.pop(number))
        assert_digest(store, records.values())
        for record in records.values():
            delete(store, record)
        assert_digest(store, [])
