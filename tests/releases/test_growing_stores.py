"""Unknown fields and unknown values in every store: kept, written back, told, and never in the way of other files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from storage_adapters import (
    SORT_FIELDS,
    ListQuery,
    RecordDeleted,
    SupportsBulkImport,
    SupportsMigrations,
    Tombstone,
    UnreadableRecord,
    open_metadata_store,
    record_to_document,
)
from syncer.pair import pair_of
from syncer.parity import differences, is_equal
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import NOW, delete, ids, make_part, make_record, save, walk
from tests.syncer.pairs import sync
from tests.unit.test_growing_records import UNKNOWN, grown


class Strange(StrEnum):
    """A value of a later version."""

    ARCHIVED = "archived"


@pytest.fixture(params=["memory", "sqlite", "redis", "couchdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A new store of each kind."""
    url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path / 'files.db'}"}.get(request.param)
    with closing(open_metadata_store(url or request.getfixturevalue(f"{request.param}_url"))) as opened:
        yield opened


def test_every_write_and_every_answer_keeps_unknown_fields(store: Any) -> None:
    first = save(store, grown(revision=0), event="created")
    assert store.get("f1") == first
    second = save(store, store.get("f1"), name="new", event="updated")
    assert record_to_document(store.get("f1")) == record_to_document(replace(first, name="new", revision=2))
    assert walk(store, ListQuery(search="new")) == [second]
    assert_consistent(store)
    tombstone = delete(store, second)
    assert tombstone.parts[0].unknown == UNKNOWN
    store.mark_clean("f1")
    changes = store.changes(after="", limit=10)
    assert [record_to_document(change.record) for change in changes] == [
        record_to_document(record) for record in (first, second, replace(second, revision=3))
    ]


def test_copies_keep_unknown_fields_of_records_and_tombstones(store: Any) -> None:
    record = grown()
    parts = (replace(make_part(), _unknown=UNKNOWN),)
    tombstone = Tombstone(
        file_id="f2", owner="ann", revision=3, deleted_at=1, clean_after=2, parts=parts, _unknown=UNKNOWN
    )
    assert store.replicate([record, tombstone]) == [True, True]
    assert store.replicate([record, tombstone], force=True) == [False, False]
    assert store.replicate([replace(record, _unknown=())], force=True) == [True]
    assert store.replicate([record], force=True) == [True]
    assert store.get("f1") == record
    store.mark_clean("f2")
    with pytest.raises(RecordDeleted) as raised:
        store.get("f2")
    assert raised.value.tombstone == replace(tombstone, parts=())
    if isinstance(store, SupportsBulkImport) and isinstance(store, SupportsMigrations):
        assert store.import_files([grown(file_id="f3")]) == [True]
        assert store.stored(["f3"]) == [grown(file_id="f3")]
    assert_consistent(store)


def test_the_syncer_copies_and_compares_unknown_fields(store: Any, tmp_path: Path) -> None:
    source = open_metadata_store(f"sqlite:///{tmp_path / 'source.db'}")
    save(source, grown(revision=0), event="created")
    with closing(pair_of(source, store, source_name="source", name="target")) as pair:
        sync(pair)
        assert is_equal(pair)
        assert store.get("f1") == source.get("f1")
        pair.target.replicate([replace(source.get("f1"), _unknown=())], force=True)
        assert [each.kind for each in differences(pair, wait_seconds=0)] == ["different"]


def strange_record(**fields: Any) -> Any:
    return make_record("f2", status=Strange.ARCHIVED, name="F2", uploaded_at=NOW, **fields)


@pytest.mark.parametrize("store", ["sqlite", "redis", "couchdb"], indirect=True)  # in memory, none can come to be
def test_a_file_with_an_unknown_value_is_passed_over_by_lists_and_told_when_it_is_asked_for(store: Any) -> None:
    kept = [save(store, make_record(f"f{number}", name=f"f{number}", uploaded_at=NOW)) for number in (1, 3)]
    store.replicate([strange_record(revision=1)])
    for field in SORT_FIELDS:
        for descending in (False, True):
            for limit in (1, 2, 50):
                query = ListQuery(order_by=field, descending=descending, limit=limit)
                assert sorted(ids(walk(store, query))) == ids(kept)
    for query in (ListQuery(), ListQuery(search="f"), ListQuery(owner="ann", tags=())):
        assert store.find(query).unreadable == ("f2",)
    with pytest.raises(UnreadableRecord, match="file 'f2' has the status 'archived'"):
        store.get("f2")
    with pytest.raises(UnreadableRecord, match="'f2'"):
        list(store.bucket_records(next(b for b in range(256) if "f2" in store.bucket_revisions(b))))
    with pytest.raises(UnreadableRecord):
        store.delete("f2", expected_revision=1, deleted_at=NOW, event=None, clean_after=None)
    assert store.usage(None).total.files == 3


def test_a_backfill_does_not_leave_out_what_it_cannot_read(tmp_path: Path) -> None:
    source = open_metadata_store(f"sqlite:///{tmp_path / 'source.db'}")
    target = open_metadata_store("memory://")
    with closing(pair_of(source, target, source_name="source", name="target")) as pair:
        save(source, make_record(), event="created")
        source.replicate([strange_record(revision=1)])  # type: ignore[attr-defined]
        with pytest.raises(UnreadableRecord, match="'f2'"):
            sync(pair)
