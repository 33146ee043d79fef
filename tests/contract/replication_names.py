"""What a store must do with the names that copies bear."""

from __future__ import annotations

import itertools

import pytest

from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import ODD_TEXTS, ReplicaStore, delete, make_record, save
from tests.contract.replication_scenes import copy_of, make_tombstone


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
