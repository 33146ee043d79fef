"""Blobs that are in memory already, and the room there is for more."""

from __future__ import annotations

import hashlib

import pytest

from storage_adapters import BlobExists, BlobStore, InvalidKey, SupportsFreeSpace, SupportsWholeWrites
from tests.contract.blob_scenes import KEY, NOW, REFUSED_KEYS, in_threads, put, read


def write_whole(store: BlobStore, content: bytes | bytearray | memoryview, key: str = KEY) -> None:
    assert isinstance(store, SupportsWholeWrites)
    digest = hashlib.sha256(content).hexdigest()
    store.write_whole(key, content, sha256=digest, content_type="video/mp4", now=NOW)


class WholeWritesContract:
    """A blob that comes whole is the same as one that came in pieces."""

    @pytest.mark.parametrize("content", [b"", b"abc", bytearray(b"abc"), memoryview(b"xabcx")[1:4], b"x" * 3_000_000])
    def test_a_blob_that_comes_whole_is_read_back(
        self, store: BlobStore, content: bytes | bytearray | memoryview
    ) -> None:
        write_whole(store, content)
        assert read(store) == bytes(content)
        info = store.head(KEY)
        assert (info.size, info.content_type, info.created_at) == (len(content), "video/mp4", NOW)
        assert info.sha256 == hashlib.sha256(content).hexdigest()

    def test_what_was_written_does_not_change_with_the_callers_buffer(self, store: BlobStore) -> None:
        buffer = bytearray(b"abc")
        write_whole(store, buffer)
        buffer[:] = b"xyz"
        assert read(store) == b"abc"

    def test_a_taken_key_keeps_what_it_has(self, store: BlobStore) -> None:
        first = put(store, content=b"first")
        with pytest.raises(BlobExists) as caught:
            write_whole(store, b"second")
        assert caught.value.info == first == store.head(KEY)
        assert read(store) == b"first"

    def test_of_concurrent_whole_writes_one_wins(self, store: BlobStore) -> None:
        answers = in_threads(8, lambda number: write_whole(store, b"%d" % number))
        (winner,) = [number for number, answer in enumerate(answers) if answer is None]
        assert read(store) == b"%d" % winner
        assert {type(answer) for answer in answers if answer is not None} == {BlobExists}

    @pytest.mark.parametrize("key", REFUSED_KEYS)
    def test_a_bad_key_is_refused_for_whole_writes(self, store: BlobStore, key: str) -> None:
        with pytest.raises(InvalidKey):
            write_whole(store, b"x", key)


class FreeSpaceContract:
    """The room that is left is a number of bytes, and a blob takes some of it."""

    def test_the_room_that_is_left_is_known(self, store: BlobStore) -> None:
        assert isinstance(store, SupportsFreeSpace)
        assert store.free_bytes() > 0
