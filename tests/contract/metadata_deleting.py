"""Part of the contract of the metadata stores: deletions and what they leave behind."""

from __future__ import annotations

import pytest

from storage_adapters import (
    FileRecord,
    MetadataStore,
    RecordDeleted,
    RecordNotFound,
    RevisionConflict,
    Tombstone,
)
from tests.contract.blob_scenes import in_threads
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import NOW, delete, make_record, save

THREADS = 8


class DeletingContract:
    """A deletion takes the record out of everything and leaves a tombstone."""

    def test_a_deleted_file_is_told_from_one_that_never_was(self, store: MetadataStore) -> None:
        record = save(store, save(store, make_record()))
        tombstone = store.delete("f1", expected_revision=2, deleted_at=NOW + 5, event="removed", clean_after=NOW + 9)
        assert tombstone == Tombstone(
            file_id="f1", owner="ann", revision=3, deleted_at=NOW + 5, clean_after=NOW + 9, parts=record.parts
        )
        with pytest.raises(RecordDeleted) as raised:
            store.get("f1")
        assert raised.value.tombstone == tombstone
        assert assert_consistent(store) == []

    @pytest.mark.parametrize("expected", [0, 1, 3])
    def test_a_stale_deletion_is_a_conflict_and_changes_nothing(self, store: MetadataStore, expected: int) -> None:
        saved = save(store, save(store, make_record(alias="film")))
        with pytest.raises(RevisionConflict):
            store.delete("f1", expected_revision=expected, deleted_at=NOW, event=None, clean_after=NOW)
        assert assert_consistent(store) == [saved]

    @pytest.mark.parametrize("expected", [0, 1])
    def test_an_unknown_file_is_not_deleted(self, store: MetadataStore, expected: int) -> None:
        with pytest.raises(RevisionConflict):
            store.delete("f1", expected_revision=expected, deleted_at=NOW, event=None, clean_after=NOW)
        with pytest.raises(RecordNotFound) as raised:
            store.get("f1")
        assert not isinstance(raised.value, RecordDeleted)

    @pytest.mark.parametrize("expected", [0, 1, 2, 3])
    def test_a_file_is_not_deleted_twice(self, store: MetadataStore, expected: int) -> None:
        delete(store, save(store, make_record()))
        with pytest.raises(RevisionConflict):
            store.delete("f1", expected_revision=expected, deleted_at=NOW, event=None, clean_after=NOW)
        assert_consistent(store)

    @pytest.mark.parametrize("expected", [0, 1, 2, 3])
    def test_an_id_is_never_used_again(self, store: MetadataStore, expected: int) -> None:
        delete(store, save(store, make_record()))
        store.mark_clean("f1")
        with pytest.raises(RevisionConflict):
            store.save(make_record(), expected_revision=expected, changed_at=NOW, event=None)
        with pytest.raises(RecordDeleted):
            store.get("f1")

    def test_of_a_concurrent_save_and_deletion_exactly_one_wins(self, store: MetadataStore) -> None:
        for attempt in range(20):
            record = save(store, make_record(f"f{attempt}"))

            def change(number: int, record: FileRecord = record) -> object:
                return delete(store, record) if number else save(store, record, name="kept")

            results = in_threads(2, change)
            assert sum(isinstance(result, RevisionConflict) for result in results) == 1
        assert_consistent(store)

    def test_tombstones_with_blobs_are_found_when_their_time_has_come(self, store: MetadataStore) -> None:
        for number in (3, 1, 4, 2, 5):
            delete(store, save(store, make_record(f"f{number}")), clean_after=NOW + number)
        found = store.unclean(now=NOW + 4, limit=10)
        assert [tombstone.file_id for tombstone in found] == ["f1", "f2", "f3", "f4"]
        assert found[0].parts == make_record().parts
        assert [t.file_id for t in store.unclean(now=NOW + 4, limit=2)] == ["f1", "f2"]
        assert [t.file_id for t in store.unclean(now=NOW + 4, limit=2, after="f2")] == ["f3", "f4"]
        assert store.unclean(now=NOW, limit=10) == []

    def test_a_tombstone_without_blobs_to_delete_is_never_unclean(self, store: MetadataStore) -> None:
        delete(store, save(store, make_record("kept")), clean_after=None)
        delete(store, save(store, make_record("empty", parts=())), clean_after=NOW)
        assert store.unclean(now=NOW + 10**9, limit=10) == []
        for file_id in ("kept", "empty"):
            with pytest.raises(RecordDeleted) as raised:
                store.get(file_id)
            assert raised.value.tombstone.parts == ()

    def test_a_clean_tombstone_is_forgotten_by_the_cleaner_only(self, store: MetadataStore) -> None:
        for file_id in ("f1", "f2"):
            delete(store, save(store, make_record(file_id)))
        store.mark_clean("f1")
        store.mark_clean("f1")
        assert [tombstone.file_id for tombstone in store.unclean(now=NOW, limit=10)] == ["f2"]
        with pytest.raises(RecordDeleted) as raised:
            store.get("f1")
        assert raised.value.tombstone.parts == ()
        assert raised.value.tombstone.revision == 2

    def test_marking_what_is_no_tombstone_does_nothing(self, store: MetadataStore) -> None:
        saved = save(store, make_record())
        store.mark_clean("f1")
        store.mark_clean("unknown")
        assert assert_consistent(store) == [saved]
