"""What a store must do with copies that are stored whatever stands there."""

from __future__ import annotations

import pytest

from storage_adapters import FileRecord, RecordDeleted, RecordNotFound, Tombstone
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import NOW, ReplicaStore, make_record, save
from tests.contract.replication_scenes import copy_of, make_tombstone, tombstone_of


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
