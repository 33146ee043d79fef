"""What a store with ``SupportsBulkImport`` must do: take new files over, and take nothing from anybody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from storage_adapters import FileRecord, RecordNotFound, SupportsBulkImport
from tests.contract.blob_scenes import in_threads
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import (
    ODD_TEXTS,
    ReplicaStore,
    delete,
    make_record,
    save,
    various_records,
)


class AdoptingStore(ReplicaStore, SupportsBulkImport):
    """What the tests are given."""


def new(file_id: str, **fields: object) -> FileRecord:
    return replace(make_record(file_id, **fields), revision=1)


class AdoptionContract:
    """The capability ``SupportsBulkImport``."""

    def test_adopted_files_stand_in_everything_as_if_they_had_been_saved_here(self, store: AdoptingStore) -> None:
        records = [replace(record, revision=number + 1) for number, record in enumerate(various_records())]
        assert store.import_files(records) == [True] * len(records)
        assert assert_consistent(store) == sorted(records, key=lambda record: (record.created_at, record.file_id))
        assert store.changes(after="", limit=1) == []
        assert save(store, store.get(records[0].file_id), name="and live on").revision == 2
        assert_consistent(store)

    def test_what_is_here_stays_as_it_is(self, store: AdoptingStore) -> None:
        saved = save(store, make_record("f1"))
        delete(store, save(store, make_record("f2")))
        assert store.import_files([new("f1", name="other"), new("f2"), new("f3")]) == [False, False, True]
        assert store.import_files([new("f3", name="other"), new("f4")]) == [False, True]
        assert [record.file_id for record in assert_consistent(store)] == ["f1", "f3", "f4"]
        assert store.get("f1") == saved
        with pytest.raises(RecordNotFound):
            store.get("f2")

    @pytest.mark.parametrize("kind", ["alias", "request_id"])
    def test_a_name_stays_with_whoever_has_it(self, store: AdoptingStore, kind: str) -> None:
        save(store, make_record("f1", **{kind: "film"}))
        records = [
            new("f2", **{kind: "film"}),
            new("f3", owner="bob", **{kind: "film"}),
            *(new(f"g{number}", **{kind: text}) for number, text in enumerate(ODD_TEXTS)),
        ]
        assert store.import_files(records) == [False] + [True] * (len(records) - 1)
        assert store.resolve("ann", kind, ["film"]) == ["f1"]
        assert store.resolve("bob", kind, ["film"]) == ["f3"]
        assert len(assert_consistent(store)) == len(records)

    def test_of_files_that_bear_one_name_one_is_adopted(self, store: AdoptingStore) -> None:
        assert store.import_files([new("f1", alias="film"), new("f2", alias="film"), new("f3")]).count(True) == 2
        assert len(assert_consistent(store)) == 2

    def test_indexes_stay_in_order_however_many_come_at_once(self, store: AdoptingStore) -> None:
        for start in range(0, 600, 200):
            records = [
                new(
                    f"f{number * 7919 % 600:04}",
                    created_at=number * 31 % 97,
                    size=number % 5,
                    tags=(("red", "blue")[number % 2],),
                    request_id=str(number),
                )
                for number in range(start, start + 200)
            ]
            assert store.import_files(records) == [True] * 200
        assert len(assert_consistent(store)) == 600
        assert store.import_files([]) == []

    def test_of_concurrent_adoptions_of_one_file_one_is_made(self, store: AdoptingStore) -> None:
        made: list[list[bool]] = []

        def work(number: int) -> None:
            for batch in range(5):
                records = [new(f"f{batch}-{each}", alias=f"{batch}-{each}", size=number) for each in range(30)]
                made.append(store.import_files(records))

        assert in_threads(4, work) == [None] * 4
        assert sum(answer.count(True) for answer in made) == 150
        assert len(assert_consistent(store)) == 150
