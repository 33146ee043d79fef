"""Encrypted blobs over the stores that keep the bytes."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

import pytest

from storage_adapters import (
    BlobNotFound,
    KeyUnavailable,
    Resealed,
    StorageUnavailable,
    SupportsCopy,
    SupportsListing,
    SupportsLocalFiles,
    SupportsResealing,
    SupportsSignedUrls,
)
from storage_adapters.blobs.encrypted import EncryptedBlobStore, encrypted
from storage_adapters.blobs.encrypted.layout import CONTENT_TYPE, FOOTER, FRAME, content_size, stored_size
from storage_adapters.blobs.local import LocalBlobStore
from storage_adapters.blobs.memory import MemoryBlobStore
from tests.adapters.local_disk import failing, unreadable
from tests.adapters.tenant_keys import KeysOfTests
from tests.contract.blob_scenes import KEY, NOW, in_threads, put, read
from tests.contract.blobs import (
    BlobStoreContract,
    ColdReadsContract,
    CopyContract,
    FreeSpaceContract,
    ListingContract,
    PublicUrlsContract,
    SignedUrlsContract,
    VerifiedUrlsContract,
    WholeWritesContract,
)

SIZES = (0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 3 * FRAME + 17)


@pytest.fixture
def keys() -> KeysOfTests:
    return KeysOfTests()


class TestEncryptedMemory(
    BlobStoreContract,
    CopyContract,
    SignedUrlsContract,
    VerifiedUrlsContract,
    PublicUrlsContract,
    ListingContract,
    WholeWritesContract,
):
    @pytest.fixture
    def store(self, keys: KeysOfTests) -> EncryptedBlobStore:
        return encrypted(MemoryBlobStore(), keys)


class TestEncryptedFiles(
    BlobStoreContract, CopyContract, ListingContract, WholeWritesContract, FreeSpaceContract, ColdReadsContract
):
    @pytest.fixture
    def store(self, keys: KeysOfTests, tmp_path: Path) -> EncryptedBlobStore:
        return encrypted(local_store(tmp_path), keys)


def local_store(folder: Path) -> LocalBlobStore:
    return LocalBlobStore(folder, signing_key=b"k" * 32, public_url="http://files")


@pytest.fixture
def inner() -> MemoryBlobStore:
    return MemoryBlobStore()


@pytest.fixture
def store(inner: MemoryBlobStore, keys: KeysOfTests) -> EncryptedBlobStore:
    return encrypted(inner, keys)


def damage(inner: MemoryBlobStore, content: bytes) -> None:
    """Put other bytes in the place of those that are stored."""
    info, _ = inner._blobs[KEY]
    inner._blobs[KEY] = (info, content)


@pytest.mark.parametrize("size", SIZES)
def test_any_size_is_stored_in_frames(store: EncryptedBlobStore, inner: MemoryBlobStore, size: int) -> None:
    content = secrets.token_bytes(size)
    put(store, content=content)
    stored = inner.head(KEY)
    assert (stored.size, content_size(stored.size), stored.content_type) == (stored_size(size), size, CONTENT_TYPE)
    assert read(store) == content
    for offset in {0, 1, FRAME - 1, FRAME, size // 2, max(0, size - 1)}:
        for length in (1, FRAME, FRAME + 1):
            assert b"".join(store.get(KEY, offset=offset, length=length)) == content[offset : offset + length]


def test_no_content_type_and_no_piece_of_the_content_is_stored_in_clear(
    store: EncryptedBlobStore, inner: MemoryBlobStore
) -> None:
    content = b"a sentence that anybody would recognise " * 10_000
    put(store, content=content)
    stored = read(inner)
    assert content[:20] not in stored
    assert b"video" not in stored


def test_equal_contents_are_stored_as_different_bytes(store: EncryptedBlobStore, inner: MemoryBlobStore) -> None:
    for key in ("a/1", "a/2"):
        put(store, key, b"same")
    assert read(inner, "a/1") != read(inner, "a/2")


@pytest.mark.parametrize("size", SIZES)
def test_each_altered_byte_is_noticed(store: EncryptedBlobStore, inner: MemoryBlobStore, size: int) -> None:
    put(store, content=secrets.token_bytes(size))
    stored = read(inner)
    places = {0, len(stored) // 2, len(stored) - FOOTER - 1, *range(len(stored) - FOOTER, len(stored), 97)}
    for place in sorted(place for place in places if place >= 0):
        damage(inner, stored[:place] + bytes([stored[place] ^ 1]) + stored[place + 1 :])
        with pytest.raises(BlobNotFound):
            read(store)


@pytest.mark.parametrize("cut", [1, 16, FOOTER, FOOTER + 1, FRAME + 16])
def test_what_was_cut_off_is_noticed(store: EncryptedBlobStore, inner: MemoryBlobStore, cut: int) -> None:
    put(store, content=secrets.token_bytes(3 * FRAME))
    stored = read(inner)
    for damaged in (stored[:-cut], stored[cut:], stored[: -FOOTER - cut] + stored[-FOOTER:], stored + bytes(cut)):
        info, _ = inner._blobs[KEY]
        inner._blobs[KEY] = (
            type(info)(**{name: getattr(info, name) for name in info.__slots__} | {"size": len(damaged)}),
            damaged,
        )
        assert store.head(KEY).size == 0
        with pytest.raises(BlobNotFound):
            read(store)


def test_a_damaged_blob_is_deleted_by_its_generation_and_written_again(
    store: EncryptedBlobStore, inner: MemoryBlobStore
) -> None:
    put(store)
    damage(inner, bytes(len(read(inner))))
    store.delete(KEY, generation=store.head(KEY).generation)
    put(store)
    assert read(store) == b"some bytes"


def test_frames_of_one_blob_have_no_other_order(store: EncryptedBlobStore, inner: MemoryBlobStore) -> None:
    put(store, content=secrets.token_bytes(2 * FRAME))
    stored = read(inner)
    sealed = FRAME + 16
    damage(inner, stored[sealed : 2 * sealed] + stored[:sealed] + stored[2 * sealed :])
    with pytest.raises(BlobNotFound):
        read(store)


def test_blobs_from_before_are_read_and_deleted(store: EncryptedBlobStore, inner: MemoryBlobStore) -> None:
    old = put(inner, content=b"in clear")
    assert (store.head(KEY), read(store)) == (old, b"in clear")
    assert isinstance(store, SupportsCopy)
    assert store.copy(KEY, "copy", now=NOW).size == 8
    store.delete(KEY, generation=old.generation)
    put(store, content=b"now sealed")
    assert read(store) == b"now sealed"


def test_a_deleted_key_makes_its_blobs_unreadable_but_not_undeletable(
    store: EncryptedBlobStore, keys: KeysOfTests
) -> None:
    gone, kept = put(store, "one/x"), put(store, "two/x", b"kept")
    del keys.keys["one"]
    for call in (store.head, store.get):
        with pytest.raises(KeyUnavailable, match="one"):
            call("one/x")
    assert isinstance(store, SupportsCopy)
    with pytest.raises(KeyUnavailable):
        store.copy("one/x", "two/y", now=NOW)
    assert read(store, "two/x") == b"kept"
    store.delete("one/x", generation=gone.generation)
    store.delete_many(["two/x"], generations={"two/x": kept.generation})


def test_another_key_of_the_same_name_opens_nothing(store: EncryptedBlobStore, keys: KeysOfTests) -> None:
    put(store)
    keys.keys["4f1c"] = secrets.token_bytes(32)
    with pytest.raises(BlobNotFound):
        read(store)


def test_a_copy_for_another_tenant_is_sealed_with_its_key(store: EncryptedBlobStore, keys: KeysOfTests) -> None:
    content = secrets.token_bytes(FRAME + 5)
    put(store, "one/x", content)
    assert isinstance(store, SupportsCopy)
    store.copy("one/x", "two/x", now=NOW)
    store.copy("one/x", "one/y", now=NOW)
    del keys.keys["one"]
    assert read(store, "two/x") == content


def test_files_are_not_given_away_and_urls_only_where_the_gateway_serves_them(
    keys: KeysOfTests, tmp_path: Path
) -> None:
    store = encrypted(local_store(tmp_path), keys)
    assert not isinstance(store, SupportsLocalFiles)
    assert isinstance(store, SupportsSignedUrls)


def test_a_list_has_a_blob_whose_footer_cannot_be_read_without_its_checksums(keys: KeysOfTests, tmp_path: Path) -> None:
    store = encrypted(local_store(tmp_path), keys)
    contents = {key: bytes(100 + number) for number, key in enumerate(("a/x", "b/x"))}
    for key, content in contents.items():
        put(store, key, content)
    [bad] = tmp_path.rglob("a/x.blob/content")
    with unreadable(bad):
        assert isinstance(store, SupportsListing)
        found = store.scan(limit=10)
    assert {info.key: info.size for info in found} == {key: len(content) for key, content in contents.items()}
    assert [info.sha256 is None for info in found] == [True, False]


def all_resealed(store: EncryptedBlobStore, limit: int = 2) -> list[Resealed]:
    assert isinstance(store, SupportsResealing)
    steps = [store.reseal(limit, after="")]
    while (after := steps[-1].after) is not None:
        steps.append(store.reseal(limit, after=after))
    return steps


@pytest.mark.parametrize("kind", ["memory", "local"])
def test_blobs_from_before_are_encrypted_in_their_place(kind: str, keys: KeysOfTests, tmp_path: Path) -> None:
    inner = MemoryBlobStore() if kind == "memory" else local_store(tmp_path)
    contents = {f"owner/file{number}/p0": secrets.token_bytes(size) for number, size in enumerate(SIZES)}
    before = {key: put(inner, key, content) for key, content in contents.items()}
    store = encrypted(inner, keys)
    put(store, "owner/new/p0", b"sealed already")
    assert isinstance(store, SupportsResealing)
    store.reseal(3, after="")
    steps = all_resealed(store)
    assert sum(step.blobs for step in steps) == len(SIZES) - 3
    assert sum(step.blobs for step in all_resealed(store)) == 0
    for key, content in contents.items():
        assert inner.head(key).content_type == CONTENT_TYPE
        assert store.head(key) == before[key]
        assert b"".join(store.get(key, generation=before[key].generation)) == content
        store.delete(key, generation="another")
        store.delete(key, generation=before[key].generation)
    assert [info.key for info in inner.scan(limit=9)] == ["owner/new/p0"]


def test_a_rotten_blob_is_named_and_stays(store: EncryptedBlobStore, inner: MemoryBlobStore, keys: KeysOfTests) -> None:
    info = put(inner, content=b"right")
    put(inner, "other", b"x")
    damage(inner, b"wrong")
    steps = all_resealed(store)
    assert [key for step in steps for key in step.damaged] == [KEY]
    assert (inner.head(KEY), inner.head("other").content_type) == (info, CONTENT_TYPE)


def test_what_a_disk_cannot_describe_or_read_is_named_and_stays(keys: KeysOfTests, tmp_path: Path) -> None:
    inner = local_store(tmp_path)
    for number in range(5):
        put(inner, f"a/{number}", b"in clear")
    (tmp_path / "blobs/a/0.blob/info.json").write_bytes(b"")
    with unreadable(tmp_path / "blobs/a/2.blob/content"):
        steps = all_resealed(encrypted(inner, keys), limit=1)
    with unreadable(tmp_path / "blobs/a/4.blob/info.json"):
        steps += all_resealed(encrypted(inner, keys), limit=1)
    assert [key for step in steps for key in step.left] == ["a/0", "a/2", "a/0", "a/4"]
    assert sum(step.blobs for step in steps) == 4


def test_a_disk_that_fails_as_a_whole_ends_the_encryption(
    keys: KeysOfTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = local_store(tmp_path)
    put(inner, "a", b"in clear")
    with unreadable(tmp_path / "blobs/a.blob/content"), monkeypatch.context() as patch:
        patch.setattr(os, "rename", failing(errno.EROFS))
        with pytest.raises(StorageUnavailable):
            all_resealed(encrypted(inner, keys))


def test_a_resealed_blob_is_copied_with_a_generation_of_its_own(
    store: EncryptedBlobStore, inner: MemoryBlobStore
) -> None:
    before = put(inner, content=b"content")
    all_resealed(store)
    assert isinstance(store, SupportsCopy)
    copied = store.copy(KEY, "4f1c/copy", now=NOW)
    assert copied.generation != before.generation
    assert read(store, "4f1c/copy") == b"content"


def test_readers_never_meet_a_blob_half_sealed(keys: KeysOfTests, tmp_path: Path) -> None:
    inner = local_store(tmp_path)
    store = encrypted(inner, keys)
    contents = {f"owner/file{number}": bytes([number]) * 50_000 for number in range(20)}
    for key, content in contents.items():
        put(inner, key, content)

    def work(number: int) -> bool:
        if number == 0:
            return bool(all_resealed(store))
        return all(read(store, key) == content for _ in range(4) for key, content in contents.items())

    assert in_threads(3, work) == [True] * 3
