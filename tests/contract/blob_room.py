"""Blobs that are in memory already, and the room there is for more."""

from __future__ import annotations

import hashlib

import pytest

from storage_adapters import (
    BlobExists,
    BlobInfo,
    BlobNotFound,
    BlobStore,
    InvalidKey,
    SupportsColdReads,
    SupportsCopies,
    SupportsCopyRepair,
    SupportsFreeSpace,
    SupportsReplacement,
    SupportsWholeWrites,
)
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


class ColdReadsContract:
    """A blob whose memory is forgotten is read as it was written."""

    def test_the_bytes_stay(self, store: BlobStore) -> None:
        assert isinstance(store, SupportsColdReads)
        content = bytes(range(256)) * 10_000
        put(store, content=content)
        for _ in range(2):
            store.forget_cached(KEY)
            assert read(store) == content

    def test_there_is_nothing_to_forget_of_no_blob(self, store: BlobStore) -> None:
        assert isinstance(store, SupportsColdReads)
        store.forget_cached(KEY)
        with pytest.raises(BlobNotFound):
            store.get(KEY)

    @pytest.mark.parametrize("key", REFUSED_KEYS)
    def test_a_bad_key_is_refused_for_cold_reads(self, store: BlobStore, key: str) -> None:
        assert isinstance(store, SupportsColdReads)
        with pytest.raises(InvalidKey):
            store.forget_cached(key)


class CopiesContract:
    """Every blob is kept more than once, and each copy can be read."""

    @pytest.fixture
    def copied(self, store: BlobStore) -> SupportsCopies:
        assert isinstance(store, SupportsCopies)
        return store

    def test_each_copy_has_the_bytes_and_the_description(self, store: BlobStore, copied: SupportsCopies) -> None:
        info = put(store)
        found = [(copy.store.head(KEY), read(copy.store)) for copy in copied.copies()]
        assert len(found) >= 2
        assert found == [(info, read(store))] * len(found)

    def test_no_copy_has_what_is_nowhere(self, copied: SupportsCopies) -> None:
        for copy in copied.copies():
            with pytest.raises(BlobNotFound):
                copy.store.head(KEY)
            with pytest.raises(BlobNotFound):
                read(copy.store)


class CopyRepairContract(CopiesContract):
    """A copy that is lost is made anew."""

    @pytest.fixture
    def copied(self, store: BlobStore) -> SupportsCopyRepair:
        assert isinstance(store, SupportsCopyRepair)
        return store

    def test_each_copy_can_be_lost_and_restored(self, store: BlobStore, copied: SupportsCopyRepair) -> None:
        info, content = put(store), read(store)
        for copy in copied.copies():
            copy.store.delete(KEY)
            assert (store.head(KEY), read(store)) == (info, content)
            assert copied.restore(KEY) == 1
            assert (copy.store.head(KEY), read(copy.store)) == (info, content)
            assert copied.restore(KEY) == 0

    def test_what_is_nowhere_is_not_restored(self, copied: SupportsCopyRepair) -> None:
        with pytest.raises(BlobNotFound):
            copied.restore(KEY)

    @pytest.mark.parametrize("key", REFUSED_KEYS)
    def test_no_other_key_is_restored(self, copied: SupportsCopyRepair, key: str) -> None:
        with pytest.raises(InvalidKey):
            copied.restore(key)


class ReplacementContract:
    """Other bytes take the place of exactly the blob that was looked at."""

    def test_the_bytes_and_the_type_are_exchanged_and_the_generation_is_new(self, store: BlobStore) -> None:
        first = put(store, content=b"first")
        info = replace_content(store, first.generation, b"second!")
        assert store.head(KEY) == info
        assert (info.size, info.content_type, info.sha256) == (7, "text/new", hashlib.sha256(b"second!").hexdigest())
        assert info.generation != first.generation
        assert read(store) == b"second!"

    def test_what_is_abandoned_changes_nothing(self, store: BlobStore) -> None:
        first = put(store, content=b"first")
        assert isinstance(store, SupportsReplacement)
        writer = store.replacement(KEY, generation=first.generation, content_type="text/new", now=NOW)
        writer.write(b"second")
        writer.abort()
        assert (store.head(KEY), read(store)) == (first, b"first")

    def test_neither_nothing_nor_another_blob_is_replaced(self, store: BlobStore) -> None:
        first = put(store, content=b"first")
        assert isinstance(store, SupportsReplacement)
        late = store.replacement(KEY, generation=first.generation, content_type="text/new", now=NOW)
        late.write(b"late")
        store.delete(KEY)
        with pytest.raises(BlobNotFound):
            replace_content(store, first.generation, b"x")
        other = put(store, content=b"other")
        with pytest.raises(BlobNotFound):
            late.commit(declared={})
        with pytest.raises(BlobNotFound):
            replace_content(store, first.generation, b"x")
        assert (store.head(KEY), read(store)) == (other, b"other")

    def test_of_concurrent_replacements_of_one_blob_one_wins(self, store: BlobStore) -> None:
        first = put(store)
        answers = in_threads(6, lambda number: replace_content(store, first.generation, b"%d" % number))
        (winner,) = [number for number, answer in enumerate(answers) if isinstance(answer, BlobInfo)]
        assert {type(answer) for answer in answers} == {BlobInfo, BlobNotFound}
        assert read(store) == b"%d" % winner

    def test_readers_meet_the_one_or_the_other_whole(self, store: BlobStore) -> None:
        contents = [bytes([number]) * 100_000 for number in range(12)]
        put(store, content=contents[0])

        def work(number: int) -> list[bytes]:
            if number:
                return [read(store) for _ in range(40)]
            for content in contents[1:]:
                replace_content(store, store.head(KEY).generation, content)
            return []

        answers = in_threads(3, work)
        assert all(isinstance(answer, list) for answer in answers), answers
        assert {content for answer in answers if isinstance(answer, list) for content in answer} <= set(contents)
        assert read(store) == contents[-1]

    def test_a_reader_by_generation_never_meets_another(self, store: BlobStore) -> None:
        first = put(store, content=b"first")
        reading = store.get(KEY, generation=first.generation)
        replace_content(store, first.generation, b"other")
        assert b"".join(reading) in (b"first", b"")
        with pytest.raises(BlobNotFound):
            store.get(KEY, generation=first.generation)


def replace_content(store: BlobStore, generation: str, content: bytes) -> BlobInfo:
    assert isinstance(store, SupportsReplacement)
    writer = store.replacement(KEY, generation=generation, content_type="text/new", now=NOW)
    writer.write(content)
    return writer.commit(declared={"size": len(content)})
