"""What a store with ``SupportsReplication`` must do: take files over as if they had been saved here."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage_adapters import (
    FileRecord,
    FileStatus,
    NameTaken,
    RecordDeleted,
    RecordNotFound,
    RevisionConflict,
    Tombstone,
    Usage,
    open_metadata_store,
)
from tests.contract.blob_scenes import in_threads
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import (
    NOW,
    ODD_TEXTS,
    ReplicaStore,
    delete,
    make_part,
    make_record,
    save,
    various_records,
)
from tests.contract.strategies import Write, writes

_NEW_IDS = itertools.count()  # one store serves all examples, and no id is used twice


def make_tombstone(file_id: str = "f1", **fields: object) -> Tombstone:
    values = {"owner": "ann", "revision": 3, "deleted_at": NOW, "clean_after": NOW + 5, "parts": (make_part(),)}
    return Tombstone(file_id=file_id, **{**values, **fields})  # type: ignore[arg-type]


def copy_of(file_id: str, revision: int, **fields: object) -> FileRecord:
    return replace(make_record(file_id, **fields), revision=revision)


def tombstone_of(store: ReplicaStore, file_id: str) -> Tombstone | None:
    try:
        store.get(file_id)
    except RecordDeleted as error:
        return error.tombstone
    except RecordNotFound:
        pass
    return None


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
        assert [change.file_id for change in store.changes(after="", limit=10)] == ["f1"]
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
        assert [change.revision for change in store.changes(after="", limit=10)] == [8, 9]
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


class CopiedNamesContract:
    """A name follows from the records, in whatever order their copies come."""

    @pytest.mark.parametrize("kind", ["alias", "request_id"])
    def test_names_change_hands_in_any_order(self, store: ReplicaStore, kind: str) -> None:
        before = [copy_of(f"f{n}", 1, **{kind: ODD_TEXTS[n]}) for n in range(3)]
        after = [copy_of(f"f{n}", 2, **{kind: ODD_TEXTS[(n + 1) % 3]}) for n in range(3)]
        for order in itertools.permutations(range(3)):
            store.replicate(before)
            for number in order:
                assert store.replicate([after[number]]) == [True]
            assert assert_consistent(store) == after
            store.replicate([before[number] for number in order], force=True)
            assert assert_consistent(store) == before
            assert store.discard([record.file_id for record in before]) == 3

    @pytest.mark.parametrize("end", ["copy", "tombstone", "discard", "save", "delete", "other owner"])
    def test_a_name_goes_to_the_one_that_is_left_with_it(self, store: ReplicaStore, end: str) -> None:
        files = [f"f{number}" for number in range(3)]
        store.replicate([copy_of(file_id, 1, alias="film") for file_id in files])
        assert store.resolve("ann", "alias", ["film"])[0] in files
        for last in (2, 1):
            holder = store.resolve("ann", "alias", ["film"])[0]
            assert holder in files
            files.remove(holder)
            match end:
                case "copy":
                    store.replicate([copy_of(holder, 2)])
                case "tombstone":
                    store.replicate([make_tombstone(holder)])
                case "discard":
                    assert store.discard([holder]) == 1
                case "save":
                    save(store, store.get(holder), alias=None)
                case "delete":
                    delete(store, store.get(holder))
                case "other owner":
                    store.replicate([copy_of(holder, 2, owner=f"bob{last}", alias="film")])
        assert store.resolve("ann", "alias", ["film"]) == files
        assert_consistent(store)
        save(store, store.get(files[0]), alias="other")
        save(store, make_record("new", alias="film"))
        assert store.resolve("ann", "alias", ["film", "other"]) == ["new", files[0]]
        assert_consistent(store)

    def test_one_that_lost_a_name_meanwhile_does_not_get_it_back(self, store: ReplicaStore) -> None:
        for first, second in (("f1", "f2"), ("f3", "f4")):
            store.replicate([copy_of(first, 1, alias="film")])
            store.replicate([copy_of(second, 1, alias="film")])
            store.replicate([copy_of(first, 2, alias=f"new {first}")])
            assert store.resolve("ann", "alias", ["film", f"new {first}"]) == [second, first]
            store.replicate([make_tombstone(second)])
            assert store.resolve("ann", "alias", ["film", f"new {first}"]) == [None, first]
        assert_consistent(store)


class ForcingContract:
    """A repair stores what the other store has, whatever stands here."""

    def test_a_forced_copy_replaces_whatever_is_there(self, store: ReplicaStore) -> None:
        store.replicate([copy_of("f1", 5, alias="film"), copy_of("f2", 5), copy_of("f3", 5), make_tombstone("f4")])
        copies: list[FileRecord | Tombstone] = [
            copy_of("f1", 5, name="other"),
            copy_of("f2", 3, tags=("red",), alias="film"),
            make_tombstone("f3", revision=4),
            copy_of("f4", 2),
            make_tombstone("f5"),
            copy_of("f6", 1),
        ]
        assert store.replicate(copies, force=True) == [True] * 6
        assert [store.get(i) for i in ("f1", "f2", "f4", "f6")] == [copies[n] for n in (0, 1, 3, 5)]
        assert [tombstone_of(store, i) for i in ("f3", "f5")] == [copies[2], copies[4]]
        assert store.resolve("ann", "alias", ["film"]) == ["f2"]
        assert [t.file_id for t in store.unclean(now=NOW + 5, limit=10)] == ["f3", "f5"]
        assert len(assert_consistent(store)) == 4

    def test_a_forced_copy_that_is_there_already_changes_nothing(self, store: ReplicaStore) -> None:
        copies: list[FileRecord | Tombstone] = [copy_of("f1", 5, meta={"a": [1]}), make_tombstone("f2")]
        store.replicate(copies)
        assert store.replicate(copies, force=True) == [False, False]
        assert store.replicate([make_tombstone("f2", parts=()), copy_of("f1", 5)], force=True) == [True, True]
        assert store.unclean(now=NOW + 5, limit=10) == []

    def test_discarded_files_leave_no_trace(self, store: ReplicaStore) -> None:
        store.replicate([copy_of("f1", 5, alias="film", tags=("red",)), make_tombstone("f2"), copy_of("f3", 1)])
        assert store.discard(["f1", "f2", "f4"]) == 2
        assert store.discard(["f1", "f2", "f4"]) == 0
        for file_id in ("f1", "f2"):
            with pytest.raises(RecordNotFound) as raised:
                store.get(file_id)
            assert not isinstance(raised.value, RecordDeleted)
        assert store.unclean(now=NOW + 9, limit=10) == []
        assert [record.file_id for record in assert_consistent(store)] == ["f3"]
        save(store, make_record("f1", alias="film"))
        save(store, make_record("f2"))
        assert len(assert_consistent(store)) == 3


class ConvergingContract:
    """Whatever happened on the way, a store that was given everything is equal."""

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data(), written=st.lists(writes(), max_size=25))
    def test_late_doubled_and_cut_batches_end_in_the_same_files(
        self, store: ReplicaStore, data: st.DataObject, written: list[Write]
    ) -> None:
        source = open_metadata_store("memory://")
        assert isinstance(source, ReplicaStore.__mro__[1])
        number = next(_NEW_IDS)
        copies = _write_all(source, written, prefix=f"{number}-")  # type: ignore[arg-type]
        order = data.draw(st.permutations(range(len(copies)))) if copies else []
        extra = data.draw(st.lists(st.sampled_from(order), max_size=10)) if copies else []
        for batch in _cut([copies[index] for index in (*extra, *order)], data):
            store.replicate(batch)
        digest = source.digest()  # type: ignore[attr-defined]
        assert store.digest() == digest
        assert assert_consistent(store) == assert_consistent(source)
        store.discard([copy.file_id for copy in copies])
        assert assert_consistent(store) == []


def _write_all(source: ReplicaStore, written: Sequence[Write], prefix: str) -> list[FileRecord | Tombstone]:
    """Carry out writes; return every state that a file had."""
    copies: list[FileRecord | Tombstone] = []
    records: dict[str, FileRecord | None] = {}
    for write in written:
        file_id = prefix + write.file_id
        record = records.get(file_id, make_record(file_id))
        if record is None or write.stale:
            continue
        if write.changes is None and record.revision:
            copies.append(delete(source, record))
            records[file_id] = None
        elif write.changes is not None:
            with contextlib.suppress(NameTaken):
                records[file_id] = saved = save(source, record, **write.changes)
                copies.append(saved)
    return copies


def _cut(copies: list[FileRecord | Tombstone], data: st.DataObject) -> list[list[FileRecord | Tombstone]]:
    """Cut into batches with at most one copy per file each."""
    batches: list[list[FileRecord | Tombstone]] = [[]]
    for copy in copies:
        if any(copy.file_id == other.file_id for other in batches[-1]) or data.draw(st.integers(0, 3)) == 0:
            batches.append([])
        batches[-1].append(copy)
    return batches


class ReplicationContract(
    CopyingContract, TombstoneCopyingContract, CopiedNamesContract, ForcingContract, ConvergingContract
):
    """The capability ``SupportsReplication``."""
