"""How blobs come into a store: whole, once, and only with the bytes that were announced."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping

import pytest

from storage_adapters import BlobExists, BlobInfo, BlobStore, ChecksumMismatch, InvalidKey
from tests.contract.blob_scenes import (
    ACCEPTED_KEYS,
    KEY,
    NOW,
    REFUSED_KEYS,
    checksums,
    in_threads,
    is_absent,
    put,
    read,
)


class BlobWritingContract:
    """Blobs appear whole, once, and only with the bytes that were announced."""

    def test_a_blob_is_read_back_as_it_was_written(self, store: BlobStore) -> None:
        content = bytes(range(256)) * 10
        info = put(store, content=content)
        assert read(store) == content
        assert store.head(KEY) == info

    def test_the_description_says_what_is_stored(self, store: BlobStore) -> None:
        info = put(store, content=b"abc")
        assert (info.bucket, info.key, info.size) == (store.bucket, KEY, 3)
        assert (info.content_type, info.created_at) == ("video/mp4", NOW)
        assert info.generation

    def test_every_checksum_the_store_gives_is_right(self, store: BlobStore) -> None:
        content = b"0123456789" * 1000
        info = put(store, content=content)
        for name, value in checksums(content).items():
            assert getattr(info, name) in (value, None)

    def test_a_checksum_that_was_asked_for_is_kept(self, store: BlobStore) -> None:
        writer = store.writer(KEY, content_type="text/plain", now=NOW, checksums=["md5", "crc32c", "sha256"])
        writer.write(b"abc")
        info = writer.commit(declared={})
        assert {name: getattr(info, name) for name in ("md5", "crc32c", "sha256")} == checksums(b"abc")
        assert store.head(KEY) == info

    def test_an_unknown_checksum_cannot_be_asked_for(self, store: BlobStore) -> None:
        with pytest.raises(ValueError, match="sha1"):
            store.writer(KEY, content_type="text/plain", now=NOW, checksums=["sha1"])

    @pytest.mark.parametrize("key", ACCEPTED_KEYS)
    def test_any_key_of_plain_segments_holds_a_blob(self, store: BlobStore, key: str) -> None:
        put(store, key, b"x")
        assert read(store, key) == b"x"
        assert store.head(key).key == key

    def test_a_key_and_a_longer_key_that_begins_with_it_hold_two_blobs(self, store: BlobStore) -> None:
        for key in ("a/b", "a", "a/b/content"):
            put(store, key, key.encode())
        store.delete("a/b")
        assert is_absent(store, "a/b")
        assert (read(store, "a"), read(store, "a/b/content")) == (b"a", b"a/b/content")

    def test_an_empty_blob_is_a_blob(self, store: BlobStore) -> None:
        info = store.put(KEY, [], content_type="text/plain", now=NOW, declared={"size": 0})
        assert info.size == 0
        assert read(store) == b""

    def test_bytes_bytearrays_and_views_are_taken(self, store: BlobStore) -> None:
        writer = store.writer(KEY, content_type="text/plain", now=NOW)
        buffer = bytearray(b"234")
        writer.write(b"01")
        writer.write(buffer)
        writer.write(memoryview(buffer)[:1])
        buffer[:] = b"xyz"
        writer.write(b"")
        assert writer.commit(declared={"size": 6}).size == 6
        assert read(store) == b"012342"

    def test_any_cut_of_the_bytes_makes_the_same_blob(self, store: BlobStore) -> None:
        content = bytes(range(250)) * 41
        whole = put(store, "whole", content)
        cut = store.put(
            "cut", (content[i : i + 997] for i in range(0, len(content), 997)), content_type="video/mp4", now=NOW
        )
        assert (cut.size, cut.sha256, cut.crc32c) == (whole.size, whole.sha256, whole.crc32c)
        assert read(store, "cut") == content

    def test_nothing_is_visible_before_commit(self, store: BlobStore) -> None:
        writer = store.writer(KEY, content_type="text/plain", now=NOW)
        writer.write(b"x" * 100)
        assert is_absent(store)
        writer.commit(declared={})
        assert read(store) == b"x" * 100

    def test_abort_leaves_nothing_and_frees_the_key(self, store: BlobStore) -> None:
        writer = store.writer(KEY, content_type="text/plain", now=NOW)
        writer.write(b"x")
        writer.abort()
        writer.abort()
        assert is_absent(store)
        put(store)

    def test_abort_after_commit_is_harmless(self, store: BlobStore) -> None:
        writer = store.writer(KEY, content_type="text/plain", now=NOW)
        writer.write(b"x")
        writer.commit(declared={})
        writer.abort()
        assert read(store) == b"x"

    def test_a_dropped_writer_leaves_nothing(self, store: BlobStore) -> None:
        store.writer(KEY, content_type="text/plain", now=NOW).write(b"x")
        gc.collect()
        assert is_absent(store)
        put(store)

    def test_a_closed_writer_takes_no_more(self, store: BlobStore) -> None:
        committed = store.writer(KEY, content_type="text/plain", now=NOW)
        committed.commit(declared={})
        aborted = store.writer("other", content_type="text/plain", now=NOW)
        aborted.abort()
        for writer in (committed, aborted):
            with pytest.raises(ValueError, match="closed"):
                writer.write(b"x")
            with pytest.raises(ValueError, match="closed"):
                writer.commit(declared={})
        assert read(store) == b""
        assert is_absent(store, "other")

    def test_a_source_that_fails_leaves_nothing(self, store: BlobStore) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"x"
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            store.put(KEY, pieces(), content_type="text/plain", now=NOW)
        assert is_absent(store)
        put(store)

    def test_what_was_declared_rightly_is_stored(self, store: BlobStore) -> None:
        info = put(store, content=b"abc", declared={"size": 3, **checksums(b"abc")})
        assert info.md5 == checksums(b"abc")["md5"]

    def test_declared_hex_may_be_in_capitals(self, store: BlobStore) -> None:
        put(store, content=b"abc", declared={name: value.upper() for name, value in checksums(b"abc").items()})

    def test_what_is_none_was_not_declared(self, store: BlobStore) -> None:
        put(store, content=b"abc", declared={"size": None, "md5": None, "crc32c": None, "sha256": None})

    @pytest.mark.parametrize("field", ["size", "md5", "crc32c", "sha256"])
    def test_what_was_declared_wrongly_is_not_stored(self, store: BlobStore, field: str) -> None:
        wrong: Mapping[str, object] = {"size": 4, **checksums(b"abd")}
        with pytest.raises(ChecksumMismatch) as caught:
            put(store, content=b"abc", declared={field: wrong[field]})
        assert caught.value.field == field
        assert caught.value.declared == wrong[field]
        assert caught.value.actual == {"size": 3, **checksums(b"abc")}[field]
        assert is_absent(store)
        put(store)

    @pytest.mark.parametrize("declared", [{"sha1": "00"}, {"etag": "x"}, {"md5": "00" * 16}])
    def test_to_declare_what_is_not_computed_is_a_mistake_of_the_caller(
        self, store: BlobStore, declared: Mapping[str, object]
    ) -> None:
        writer = store.writer(KEY, content_type="text/plain", now=NOW)
        with pytest.raises(ValueError, match="not computed"):
            writer.commit(declared=declared)
        assert is_absent(store)

    def test_a_blob_is_written_once(self, store: BlobStore) -> None:
        first = put(store, content=b"first")
        with pytest.raises(BlobExists) as caught:
            store.writer(KEY, content_type="text/plain", now=NOW)
        assert caught.value.info == first
        with pytest.raises(BlobExists):
            put(store, content=b"first")
        assert read(store) == b"first"

    def test_the_slower_of_two_writers_loses(self, store: BlobStore) -> None:
        slow = store.writer(KEY, content_type="text/plain", now=NOW)
        slow.write(b"slow")
        fast = put(store, content=b"fast")
        with pytest.raises(BlobExists) as caught:
            slow.commit(declared={})
        assert caught.value.info == fast
        assert read(store) == b"fast"

    def test_of_concurrent_writers_to_one_key_exactly_one_wins(self, store: BlobStore) -> None:
        for round_ in range(5):
            key = f"race/{round_}"
            writers = [store.writer(key, content_type="text/plain", now=NOW) for _ in range(8)]
            for number, writer in enumerate(writers):
                writer.write(b"%d" % number * 1000)

            results = in_threads(8, lambda number, writers=writers: writers[number].commit(declared={}))  # type: ignore[misc]

            won = [number for number, result in enumerate(results) if isinstance(result, BlobInfo)]
            lost = [result for result in results if isinstance(result, BlobExists)]
            assert (len(won), len(lost)) == (1, 7), results
            assert read(store, key) == b"%d" % won[0] * 1000
            assert {result.info.generation for result in lost} == {store.head(key).generation}

    def test_writers_and_deleters_of_neighbouring_keys_do_not_disturb_each_other(self, store: BlobStore) -> None:
        def work(number: int) -> bool:
            for round_ in range(20):
                key = f"owner/file{round_ % 2}/part{number}"
                put(store, key, key.encode())
                assert read(store, key) == key.encode()
                store.delete(key)
                assert is_absent(store, key)
            return True

        assert in_threads(4, work) == [True] * 4

    @pytest.mark.parametrize("key", REFUSED_KEYS)
    def test_no_other_key_is_taken(self, store: BlobStore, key: str) -> None:
        with pytest.raises(InvalidKey):
            store.writer(key, content_type="text/plain", now=NOW)
        with pytest.raises(InvalidKey):
            put(store, key)
        with pytest.raises(InvalidKey):
            store.head(key)
        with pytest.raises(InvalidKey):
            store.get(key)
        with pytest.raises(InvalidKey):
            store.delete(key)
