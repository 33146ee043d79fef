"""What every blob store must do, one class for the port and one per capability.

A subclass gives the fixture ``store``, an open and empty store; nothing else is overridden.
"""

from __future__ import annotations

import gc
from urllib.parse import urlsplit

import pytest

from storage_adapters import (
    BlobExists,
    BlobInfo,
    BlobNotFound,
    BlobStore,
    InvalidKey,
    SupportsCopy,
    SupportsLocalFiles,
    SupportsPublicUrls,
)
from tests.contract.blob_listing import ConditionalDeletionContract, ListingContract
from tests.contract.blob_parts import PartUploadsContract
from tests.contract.blob_room import (
    ColdReadsContract,
    CopiesContract,
    CopyRepairContract,
    FreeSpaceContract,
    ReplacementContract,
    WholeWritesContract,
)
from tests.contract.blob_scenes import KEY, MIB, NOW, REFUSED_KEYS, in_threads, is_absent, put, read
from tests.contract.blob_sessions import ResumableUploadContract
from tests.contract.blob_writing import BlobWritingContract
from tests.contract.signed_urls import SignedUrlsContract, VerifiedUrlsContract

__all__ = [
    "BlobStoreContract",
    "ColdReadsContract",
    "CopiesContract",
    "CopyContract",
    "CopyRepairContract",
    "FreeSpaceContract",
    "ListingContract",
    "LocalFilesContract",
    "PartUploadsContract",
    "PublicUrlsContract",
    "ReplacementContract",
    "ResumableUploadContract",
    "SignedUrlsContract",
    "VerifiedUrlsContract",
    "WholeWritesContract",
]


class CopyingStore(BlobStore, SupportsCopy):
    """A store under ``CopyContract``."""


class PublicStore(BlobStore, SupportsPublicUrls):
    """A store under ``PublicUrlsContract``."""


class LocalFilesStore(BlobStore, SupportsLocalFiles):
    """A store under ``LocalFilesContract``."""


class BlobReadingContract:
    """Blobs are read in ranges and bounded pieces, and removed for good."""

    def test_a_blob_can_be_read_by_its_generation_alone(self, store: BlobStore) -> None:
        first = put(store, KEY, b"first")
        assert b"".join(store.get(KEY, generation=first.generation)) == b"first"
        store.delete(KEY)
        second = put(store, KEY, b"other")
        assert b"".join(store.get(KEY, offset=1, generation=second.generation)) == b"ther"
        for length in (None, 0, 2):
            with pytest.raises(BlobNotFound):
                store.get(KEY, length=length, generation=first.generation)

    @pytest.mark.parametrize(
        ("offset", "length", "expected"),
        [
            (0, None, b"0123456789"),
            (0, 10, b"0123456789"),
            (0, 11, b"0123456789"),
            (3, None, b"3456789"),
            (3, 4, b"3456"),
            (9, 1, b"9"),
            (9, 2**62, b"9"),
            (0, 0, b""),
            (5, 0, b""),
            (10, None, b""),
            (10, 1, b""),
            (11, None, b""),
            (2**62, 5, b""),
        ],
    )
    def test_a_range_past_the_end_is_cut(
        self, store: BlobStore, offset: int, length: int | None, expected: bytes
    ) -> None:
        put(store, content=b"0123456789")
        assert b"".join(store.get(KEY, offset=offset, length=length)) == expected

    @pytest.mark.parametrize(("offset", "length"), [(-1, None), (0, -1), (-5, 3)])
    def test_a_negative_range_is_a_mistake_of_the_caller(
        self, store: BlobStore, offset: int, length: int | None
    ) -> None:
        put(store)
        with pytest.raises(ValueError, match="negative"):
            store.get(KEY, offset=offset, length=length)

    def test_pieces_are_at_most_a_mebibyte_and_never_empty(self, store: BlobStore) -> None:
        content = bytes(range(256)) * 4096 * 3 + b"tail"
        put(store, content=content)
        pieces = list(store.get(KEY))
        assert b"".join(pieces) == content
        assert all(0 < len(piece) <= MIB for piece in pieces)
        assert b"".join(store.get(KEY, offset=MIB - 1, length=MIB + 2)) == content[MIB - 1 : 2 * MIB + 1]

    def test_reading_may_stop_anywhere(self, store: BlobStore) -> None:
        put(store, content=b"x" * 3 * MIB)
        store.get(KEY)
        next(store.get(KEY))
        gc.collect()
        assert len(read(store)) == 3 * MIB

    def test_a_missing_blob_is_reported_by_the_call_itself(self, store: BlobStore) -> None:
        assert is_absent(store)
        put(store, "a/b")
        assert is_absent(store, "a")
        assert is_absent(store, "a/b/c")

    def test_a_deleted_blob_is_gone_and_the_others_stay(self, store: BlobStore) -> None:
        put(store, "a/b/c")
        put(store, "a/b/d", b"stays")
        store.delete("a/b/c")
        assert is_absent(store, "a/b/c")
        assert read(store, "a/b/d") == b"stays"

    def test_to_delete_what_is_not_there_does_nothing(self, store: BlobStore) -> None:
        store.delete(KEY)
        put(store)
        store.delete(KEY)
        store.delete(KEY)
        assert is_absent(store)

    def test_the_key_of_a_deleted_blob_is_free_again(self, store: BlobStore) -> None:
        first = put(store, content=b"first")
        store.delete(KEY)
        second = put(store, content=b"second")
        assert read(store) == b"second"
        assert second.generation != first.generation

    def test_of_concurrent_deletions_none_fails(self, store: BlobStore) -> None:
        put(store)
        assert in_threads(8, lambda _: store.delete(KEY)) == [None] * 8
        assert is_absent(store)

    def test_several_threads_read_at_once(self, store: BlobStore) -> None:
        content = bytes(range(256)) * 4096 * 2
        put(store, content=content)
        assert in_threads(4, lambda _: read(store)) == [content] * 4

    def test_a_store_that_works_answers_ping(self, store: BlobStore) -> None:
        store.ping()

    def test_closing_twice_is_harmless(self, store: BlobStore) -> None:
        store.close()
        store.close()


class BlobStoreContract(BlobWritingContract, BlobReadingContract, ConditionalDeletionContract):
    """All of the port."""


class CopyContract:
    """``SupportsCopy``."""

    def test_a_copy_has_the_content_and_a_life_of_its_own(self, store: CopyingStore) -> None:
        source = put(store, "a/b", b"content")
        copied = store.copy("a/b", "c/d/e", now=NOW + 5)
        assert (copied.key, copied.created_at, copied.bucket) == ("c/d/e", NOW + 5, store.bucket)
        assert copied.generation != source.generation
        assert (copied.size, copied.content_type) == (source.size, source.content_type)
        assert (copied.md5, copied.crc32c, copied.sha256) == (source.md5, source.crc32c, source.sha256)
        assert store.head("c/d/e") == copied
        assert store.head("a/b") == source
        store.delete("a/b")
        assert read(store, "c/d/e") == b"content"

    def test_a_copy_can_be_copied_and_deleted(self, store: CopyingStore) -> None:
        put(store, "a", b"content")
        store.copy("a", "b", now=NOW)
        store.copy("b", "c", now=NOW)
        store.delete("b")
        assert (read(store, "a"), read(store, "c")) == (b"content", b"content")

    def test_an_empty_blob_can_be_copied(self, store: CopyingStore) -> None:
        put(store, "a", b"")
        assert store.copy("a", "b", now=NOW).size == 0
        assert read(store, "b") == b""

    def test_a_missing_source_is_reported(self, store: CopyingStore) -> None:
        with pytest.raises(BlobNotFound):
            store.copy("a", "b", now=NOW)
        assert is_absent(store, "b")

    def test_a_copy_never_replaces_a_blob(self, store: CopyingStore) -> None:
        put(store, "a", b"source")
        target = put(store, "b", b"target")
        for source in ("a", "b"):
            with pytest.raises(BlobExists) as caught:
                store.copy(source, "b", now=NOW)
            assert caught.value.info == target
        assert read(store, "b") == b"target"

    def test_of_concurrent_copies_to_one_key_exactly_one_wins(self, store: CopyingStore) -> None:
        for number in range(4):
            put(store, f"source{number}", b"%d" % number)
        results = in_threads(4, lambda number: store.copy(f"source{number}", "target", now=NOW))
        won = [number for number, result in enumerate(results) if isinstance(result, BlobInfo)]
        assert sum(isinstance(result, BlobExists) for result in results) == 3, results
        assert read(store, "target") == b"%d" % won[0]

    @pytest.mark.parametrize("key", REFUSED_KEYS)
    def test_neither_end_of_a_copy_has_another_key(self, store: CopyingStore, key: str) -> None:
        put(store, "a")
        with pytest.raises(InvalidKey):
            store.copy("a", key, now=NOW)
        with pytest.raises(InvalidKey):
            store.copy(key, "b", now=NOW)


class PublicUrlsContract:
    """``SupportsPublicUrls``."""

    def test_the_url_of_a_key_is_the_same_for_ever(self, store: PublicStore) -> None:
        before = store.public_url(KEY)
        put(store)
        assert store.public_url(KEY) == before
        assert urlsplit(before).path.endswith(f"/{KEY}")
        assert store.public_url("other") != before

    @pytest.mark.parametrize("key", REFUSED_KEYS)
    def test_no_other_key_has_a_url(self, store: PublicStore, key: str) -> None:
        with pytest.raises(InvalidKey):
            store.public_url(key)


class LocalFilesContract:
    """``SupportsLocalFiles``."""

    def test_the_file_holds_the_bytes(self, store: LocalFilesStore) -> None:
        for content in (b"", b"content"):
            key = f"key{len(content)}"
            put(store, key, content)
            assert store.local_path(key).read_bytes() == content

    def test_a_missing_blob_has_no_file(self, store: LocalFilesStore) -> None:
        with pytest.raises(BlobNotFound):
            store.local_path(KEY)
        put(store)
        store.delete(KEY)
        with pytest.raises(BlobNotFound):
            store.local_path(KEY)

    @pytest.mark.parametrize("key", REFUSED_KEYS)
    def test_no_other_key_has_a_file(self, store: LocalFilesStore, key: str) -> None:
        with pytest.raises(InvalidKey):
            store.local_path(key)
