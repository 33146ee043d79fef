"""How the blobs of a store are listed, and how the very one that was looked at is deleted."""

from __future__ import annotations

import pytest

from storage_adapters import BlobInfo, BlobStore, SupportsListing
from tests.contract.blob_scenes import KEY, in_threads, is_absent, put, read


class ListingStore(BlobStore, SupportsListing):
    """A store under ``ListingContract``."""


def walk(store: ListingStore, prefix: str = "", limit: int = 3) -> list[BlobInfo]:
    """All pages, one after the other."""
    found: list[BlobInfo] = []
    while page := store.scan(prefix=prefix, after=found[-1].key if found else "", limit=limit):
        assert len(page) <= limit
        found += page
    return found


class ListingContract:
    """``SupportsListing``."""

    KEYS = ("a", "a/b", "a-b", "a-b/c", "a/b/c", "ab", "b/1", "b/10", "b/2", "B/2", "_", "a/b-c/d")

    def test_an_empty_store_lists_nothing(self, store: ListingStore) -> None:
        assert store.scan(limit=10) == []

    @pytest.mark.parametrize("limit", [1, 2, 5, 100])
    def test_each_blob_is_met_once_in_pages_of_any_size(self, store: ListingStore, limit: int) -> None:
        for key in self.KEYS:
            put(store, key, key.encode())
        found = walk(store, limit=limit)
        assert sorted(info.key for info in found) == sorted(self.KEYS)
        assert found == walk(store, limit=100)
        assert {info.key: info for info in found} == {key: store.head(key) for key in self.KEYS}

    @pytest.mark.parametrize("prefix", ["a", "a/", "a/b", "a/b/", "b/1", "nothing", "b/1/"])
    def test_a_prefix_is_the_beginning_of_the_key(self, store: ListingStore, prefix: str) -> None:
        for key in self.KEYS:
            put(store, key)
        expected = sorted(key for key in self.KEYS if key.startswith(prefix))
        assert sorted(info.key for info in walk(store, prefix)) == expected

    def test_what_is_deleted_is_not_met_and_the_place_may_be_gone_on_from(self, store: ListingStore) -> None:
        for key in self.KEYS:
            put(store, key)
        first = store.scan(limit=4)
        for info in first:
            store.delete(info.key)
        rest = store.scan(after=first[-1].key, limit=100)
        assert sorted(info.key for info in first + rest) == sorted(self.KEYS)
        assert store.scan(limit=100) == rest


class ConditionalDeletionContract:
    """``BlobStore.delete`` with a generation, and ``delete_many``."""

    def test_the_very_blob_that_was_looked_at_is_deleted(self, store: BlobStore) -> None:
        first = put(store)
        store.delete(KEY, generation=first.generation)
        assert is_absent(store)
        store.delete(KEY, generation=first.generation)

    def test_another_blob_in_its_place_stays(self, store: BlobStore) -> None:
        first = put(store, content=b"first")
        store.delete(KEY)
        second = put(store, content=b"second")
        store.delete(KEY, generation=first.generation)
        assert (read(store), store.head(KEY)) == (b"second", second)

    def test_of_many_that_delete_one_blob_none_deletes_the_next(self, store: BlobStore) -> None:
        for round_ in range(10):
            wrong = put(store, content=b"wrong")

            def work(number: int, wrong: BlobInfo = wrong, round_: int = round_) -> bool:
                store.delete(KEY, generation=wrong.generation)
                if number == 0:
                    put(store, content=b"right%d" % round_)
                return True

            assert in_threads(4, work) == [True] * 4
            assert read(store) == b"right%d" % round_
            store.delete(KEY)

    def test_many_are_deleted_at_once_whether_they_are_there_or_not(self, store: BlobStore) -> None:
        keys = [f"owner/file/{number}" for number in range(130)]
        for key in keys[::13]:
            put(store, key)
        put(store, "owner/file/stays")
        store.delete_many([*keys, keys[0]])
        store.delete_many([])
        assert all(is_absent(store, key) for key in keys[::13])
        assert read(store, "owner/file/stays") == b"some bytes"

    def test_many_are_deleted_whatever_was_known_of_them(self, store: BlobStore) -> None:
        put(store, "owner/file/replaced")
        old = store.head("owner/file/replaced").generation
        store.delete("owner/file/replaced")
        known = put(store, "owner/file/known").generation
        keys = ["owner/file/known", "owner/file/replaced", "owner/file/unknown", "owner/file/odd", "owner/file/gone"]
        for key in keys[1:4]:
            put(store, key, b"other bytes")
        generations = dict(zip(keys, (known, old, None, "manifest:x", old), strict=True))
        store.delete_many(keys, generations=generations)
        assert all(is_absent(store, key) for key in keys)
