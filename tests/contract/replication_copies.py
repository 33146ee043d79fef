"""What a store must do with copies: by their revisions, and deletions too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from storage_adapters import FileRecord, FileStatus, RevisionConflict, Tombstone, Usage
from tests.contract.blob_scenes import in_threads
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import NOW, ReplicaStore, delete, make_record, save, various_records
from tests.contract.replication_scenes import copy_of, make_tombstone, tombstone_of
from tests.feeds import file_changes


class CopyingContract:
    """Copies are stored by revision, never backwards."""

    def test_copies_stand_in_everything_as_if_they_had_been_saved_here(self, store: ReplicaStore) -> None:
        copies = [replace(record, revision=number + 1) for number, record in enumerate(various_records())]
        assert store.replicate(copies) == [True] * len(copies)
        assert assert_consistent(store) == sorted(copies, key=lambda r: (r.created_at, r.file_id))
        for copy in copies:
            for kind in ("alias", "request_id"):
                if (name := getattr(copy, kind)) is not None:
                    assert store.resolve(copy.owner, kind, [name]) == [copy.file_id]

    def test_a_copy_does_not_enter_the_feed(self, store: ReplicaStore) -> None:
        saved = save(store, make_record("f1"))
        sequence = store.last_sequence()
        assert store.replicate([copy_of("f2", 4), make_tombstone("f3"), replace(saved, revision=2)]) == [True] * 3
        assert store.last_sequence() == sequence
        assert [change.file_id for change in file_changes(store, after="", limit=10)] == ["f1"]
        store.discard(["f1", "f3"])
        assert store.last_sequence() == sequence

    def test_doing_it_again_changes_nothing(self, store: ReplicaStore) -> None:
        copies: list[FileRecord | Tombstone] = [copy_of(f"f{n}", n + 1, alias=f"{n}") for n in range(20)]
        copies += [make_tombstone("g1"), make_tombstone("g2", parts=())]
        store.replicate(copies)
        digest = store.digest()
        assert store.replicate(copies) == [False] * len(copies)
        assert store.replicate(list(reversed(copies))) == [False] * len(copies)
        assert store.digest() == digest
        assert_consistent(store)

    def test_only_higher_revisions_are_stored(self, store: ReplicaStore) -> None:
        store.replicate([copy_of("f1", 5), copy_of("f2", 5), copy_of("f3", 5), make_tombstone("f4", revision=5)])
        kept = tombstone_of(store, "f4")
        copies = [
            copy_of("f1", 6, name="new"),
            copy_of("f2", 5, name="other"),
            copy_of("f3", 4, name="old"),
            copy_of("f4", 4, name="older than its deletion"),
            copy_of("f5", 1),
        ]
        assert store.replicate(copies) == [True, False, False, False, True]
        assert [store.get(i).name for i in ("f1", "f2", "f3")] == ["new", "Film.mp4", "Film.mp4"]
        assert tombstone_of(store, "f4") == kept
        assert_consistent(store)

    def test_no_copies_are_no_work(self, store: ReplicaStore) -> None:
        assert store.replicate([]) == []
        assert store.discard([]) == 0

    def test_many_copies_come_at_once(self, store: ReplicaStore) -> None:
        copies = [copy_of(f"f{number:04}", 1, created_at=NOW + number, size=number) for number in range(700)]
        assert store.replicate(copies) == [True] * 700
        assert store.replicate([replace(copy, revision=2, size=1) for copy in copies]) == [True] * 700
        assert store.usage(None).total.bytes == 700
        assert sum(bucket.files for bucket in store.digest()) == 700

    def test_new_files_and_known_and_forgotten_ones_come_in_one_batch(self, store: ReplicaStore) -> None:
        """A server may answer for the documents of a batch in another order than it was sent."""
        ids = [f"f{number:02}" for number in range(60)]
        store.replicate([copy_of(file_id, 1) for file_id in ids[::3]])
        for file_id in ids[1::3]:
            # Saved here: the store has no memory of a copy.
            save(store, make_record(file_id))
        copies = [copy_of(file_id, 2, size=number) for number, file_id in enumerate(ids)]
        assert store.replicate(copies) == [True] * 60
        assert [store.get(file_id).revision for file_id in ids] == [2] * 60
        assert store.replicate(copies) == [False] * 60

    def test_the_file_lives_on_here_afterwards(self, store: ReplicaStore) -> None:
        store.replicate([copy_of("f1", 7, alias="film")])
        with pytest.raises(RevisionConflict):
            save(store, make_record("f1"))
        record = save(store, store.get("f1"), status=FileStatus.UPLOADED)
        assert record.revision == 8
        assert delete(store, record).revision == 9
        assert [change.revision for change in file_changes(store, after="", limit=10)] == [8, 9]
        assert_consistent(store)

    def test_of_concurrent_copies_the_highest_revision_stays(self, store: ReplicaStore) -> None:
        def work(number: int) -> None:
            for revision in range(1, 25):
                if number == 0:
                    stored = store.get("mine") if revision > 1 else make_record("mine")
                    save(store, stored, size=revision)
                store.replicate([copy_of(f"f{n}", revision, size=revision, alias=f"{n}") for n in range(4)])

        assert in_threads(4, work) == [None] * 4
        assert [store.get(f"f{n}").revision for n in range(4)] == [24] * 4
        assert store.get("mine").revision == 24
        assert_consistent(store)


class TombstoneCopyingContract:
    """A deletion is copied as well."""

    def test_the_tombstone_of_a_file_removes_it(self, store: ReplicaStore) -> None:
        store.replicate([copy_of("f1", 2, alias="film", tags=("red",)), copy_of("f2", 1)])
        tombstone = make_tombstone("f1", revision=3)
        assert store.replicate([tombstone]) == [True]
        assert tombstone_of(store, "f1") == tombstone
        assert store.resolve("ann", "alias", ["film"]) == [None]
        assert [record.file_id for record in assert_consistent(store)] == ["f2"]
        with pytest.raises(RevisionConflict):
            save(store, make_record("f1"))

    def test_the_tombstone_of_a_file_that_never_was_here_stays(self, store: ReplicaStore) -> None:
        tombstone = make_tombstone("f1", revision=9)
        assert store.replicate([tombstone]) == [True]
        assert store.replicate([copy_of("f1", 8), make_tombstone("f2", revision=1)]) == [False, True]
        assert tombstone_of(store, "f1") == tombstone
        assert store.usage(None) == Usage()
        assert assert_consistent(store) == []

    def test_the_blobs_of_a_copied_tombstone_can_be_cleaned(self, store: ReplicaStore) -> None:
        tombstones = [make_tombstone("f1"), make_tombstone("f2", parts=()), make_tombstone("f3", clean_after=NOW + 9)]
        store.replicate(tombstones)
        assert store.unclean(now=NOW + 5, limit=10) == [tombstones[0]]
        assert store.unclean(now=NOW + 9, limit=10) == [tombstones[0], tombstones[2]]
        store.mark_clean("f1")
        assert store.unclean(now=NOW + 9, limit=10) == [tombstones[2]]
