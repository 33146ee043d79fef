"""A mirror of two blob stores: the contract, lost copies, writes and deletions that are broken off."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage_adapters import (
    BlobExists,
    BlobInfo,
    BlobNotFound,
    BlobStore,
    StorageUnavailable,
    SupportsColdReads,
    SupportsCopyRepair,
    UnknownStore,
    capabilities,
)
from storage_adapters.blobs.encrypted import encrypted
from storage_adapters.blobs.local import LocalBlobStore
from storage_adapters.blobs.memory import MemoryBlobStore
from storage_adapters.blobs.mirrored import MirroredBlobStore, mirrored
from tests.adapters.local_disk import on_two_disks, open_local
from tests.adapters.tenant_keys import KeysOfTests
from tests.contract.blob_room import write_whole
from tests.contract.blob_scenes import KEY, NOW, in_threads, is_absent, put, read
from tests.contract.blobs import (
    BlobStoreContract,
    CopyContract,
    CopyRepairContract,
    FreeSpaceContract,
    ListingContract,
    LocalFilesContract,
    PublicUrlsContract,
    SignedUrlsContract,
    VerifiedUrlsContract,
    WholeWritesContract,
)

CONTENT = bytes(range(256)) * 1_000


class TestMirroredMemory(
    BlobStoreContract,
    CopyContract,
    SignedUrlsContract,
    VerifiedUrlsContract,
    PublicUrlsContract,
    ListingContract,
    WholeWritesContract,
    CopyRepairContract,
):
    @pytest.fixture
    def store(self) -> Iterator[MirroredBlobStore]:
        first, second = MemoryBlobStore(), MemoryBlobStore()
        yield mirrored(first, second)
        assert first._blobs == second._blobs


class TestMirroredFiles(
    BlobStoreContract,
    CopyContract,
    LocalFilesContract,
    ListingContract,
    WholeWritesContract,
    FreeSpaceContract,
    CopyRepairContract,
):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[MirroredBlobStore]:
        first, second = open_local(tmp_path / "first"), open_local(tmp_path / "second")
        yield mirrored(first, second)
        assert [first.head(info.key) for info in first.scan(limit=1_000)] == second.scan(limit=1_000)


class TestEncryptedMirror(BlobStoreContract, CopyContract, ListingContract, WholeWritesContract, CopyRepairContract):
    @pytest.fixture
    def store(self) -> BlobStore:
        return encrypted(mirrored(MemoryBlobStore(), MemoryBlobStore()), KeysOfTests())


@pytest.fixture
def first(tmp_path: Path) -> LocalBlobStore:
    return open_local(tmp_path / "first")


@pytest.fixture
def second(tmp_path: Path) -> LocalBlobStore:
    return open_local(tmp_path / "second")


@pytest.fixture
def store(first: LocalBlobStore, second: LocalBlobStore) -> MirroredBlobStore:
    return mirrored(first, second)


@pytest.mark.parametrize("lost", ["first", "second"])
def test_a_lost_disk_loses_no_blob(store: MirroredBlobStore, tmp_path: Path, lost: str) -> None:
    info = put(store, content=CONTENT)
    shutil.rmtree(tmp_path / lost / "blobs" / KEY.partition("/")[0])
    assert store.head(KEY) == info
    assert read(store) == CONTENT
    assert b"".join(store.get(KEY, offset=5, length=7, generation=info.generation)) == CONTENT[5:12]
    assert store.scan(limit=10) == [info]  # type: ignore[attr-defined]
    assert store.restore(KEY) == 1
    assert store.restore(KEY) == 0
    assert [copy.store.head(KEY) for copy in store.copies()] == [info, info]


@pytest.mark.parametrize("cut", ["first", "second"])
def test_a_cut_copy_is_read_from_the_other_one_and_restored(store: MirroredBlobStore, tmp_path: Path, cut: str) -> None:
    info = put(store, content=CONTENT)
    with (tmp_path / cut / "blobs" / f"{KEY}.blob" / "content").open("r+b") as file:
        file.truncate(1_000)
    assert store.head(KEY) == info
    assert read(store) == CONTENT
    assert b"".join(store.get(KEY, offset=900, length=200)) == CONTENT[900:1_100]
    assert b"".join(store.get(KEY, offset=2_000, length=10)) == CONTENT[2_000:2_010]
    assert store.restore(KEY) == 1
    assert all(read(copy.store) == CONTENT for copy in store.copies())


def test_a_blob_that_is_in_neither_store_cannot_be_restored(store: MirroredBlobStore) -> None:
    with pytest.raises(BlobNotFound):
        store.restore(KEY)


def write_by_writer(store: BlobStore) -> None:
    put(store, content=CONTENT)


def write_in_one_call(store: BlobStore) -> None:
    write_whole(store, CONTENT)


def copy_of_another(store: BlobStore) -> None:
    put(store, "a/source", CONTENT)
    store.copy("a/source", KEY, now=NOW)  # type: ignore[attr-defined]


@pytest.mark.parametrize("write", [write_by_writer, write_in_one_call, copy_of_another])
def test_who_meets_a_write_that_was_broken_off_completes_it(
    store: MirroredBlobStore,
    second: LocalBlobStore,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[BlobStore], None],
) -> None:
    """A second store fails between the two commits: the blob is there, and BlobExists means both copies."""

    publish = second._folders.publish

    def fail(folder: Path, info: BlobInfo) -> None:
        if info.key == KEY:
            raise StorageUnavailable("the second disk fails")
        publish(folder, info)

    with monkeypatch.context() as patched:
        patched.setattr(second._folders, "publish", fail)
        with pytest.raises(StorageUnavailable):
            write(store)
        assert is_absent(second)
    assert read(store) == CONTENT
    with pytest.raises(BlobExists) as caught:
        put(store, content=CONTENT)
    assert second.head(KEY) == caught.value.info == store.head(KEY)
    assert read(second) == CONTENT


def test_what_was_declared_wrongly_is_in_neither_store(
    store: MirroredBlobStore, first: LocalBlobStore, second: LocalBlobStore
) -> None:
    writer = store.writer(KEY, content_type="a/b", now=NOW)
    writer.write(b"other")
    with pytest.raises(Exception, match="size is 5"):
        writer.commit(declared={"size": 4})
    assert is_absent(first)
    assert is_absent(second)
    assert list(first._blobs.parent.glob("tmp/*/*")) == list(second._blobs.parent.glob("tmp/*/*")) == []


def test_a_deletion_that_was_broken_off_is_completed_by_the_next_one(
    store: MirroredBlobStore, second: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = put(store, content=CONTENT)

    def fail(*_: object) -> None:
        raise StorageUnavailable("the second disk fails")

    with monkeypatch.context() as patched:
        patched.setattr(second._folders, "delete", fail)
        with pytest.raises(StorageUnavailable):
            store.delete(KEY, generation=info.generation)
    assert read(store) == CONTENT
    store.delete(KEY, generation=info.generation)
    assert is_absent(store)


def test_a_copy_that_is_restored_during_a_deletion_does_not_stay(
    first: LocalBlobStore, second: LocalBlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deletion ends between the look at the blob and the commit of its copy."""
    store = mirrored(first, second)
    put(store, content=CONTENT)
    first.delete(KEY)
    publish = first._folders.publish

    def publish_late(folder: Path, info: BlobInfo) -> None:
        store.delete(KEY)
        publish(folder, info)

    monkeypatch.setattr(first._folders, "publish", publish_late)
    store.restore(KEY)
    assert is_absent(store)


def test_restoring_at_once_makes_one_copy(store: MirroredBlobStore, first: LocalBlobStore) -> None:
    info = put(store, content=CONTENT)
    first.delete(KEY)
    in_threads(4, lambda _: store.restore(KEY))
    assert first.head(KEY) == info
    assert read(first) == CONTENT


def test_reads_go_on_while_the_first_disk_fails(
    store: MirroredBlobStore, first: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = put(store, content=CONTENT)

    def fail(*_: object) -> None:
        raise StorageUnavailable("the first disk fails")

    monkeypatch.setattr(first._folders, "head", fail)
    monkeypatch.setattr(first._folders, "pieces", fail)
    assert store.head(KEY) == info
    assert read(store) == CONTENT
    # Nobody knows whether the first disk has a blob that the second lacks.
    with pytest.raises(StorageUnavailable):
        store.head("a/unknown")
    with pytest.raises(StorageUnavailable):
        put(store, "a/new", b"x")


def test_the_failure_domains_are_the_devices_unless_they_are_named(
    first: LocalBlobStore, second: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def domains(named: tuple[str, str] | None) -> list[str]:
        return [copy.domain for copy in mirrored(first, second, named).copies()]

    device = first.medium
    assert domains(None) == [device] * 2
    # As the folder of a disk that is not mounted.
    assert domains(("disk-a", "disk-b")) == ["disk-a"] * 2
    on_two_disks(monkeypatch)
    assert domains(None) == ["first", "second"]
    assert domains(("disk-a", "disk-b")) == ["disk-a", "disk-b"]
    assert domains(("disk-a", "disk-a")) == ["disk-a"] * 2


def test_a_disk_that_does_not_answer_keeps_the_other_copy_from_nothing(
    first: LocalBlobStore, second: LocalBlobStore
) -> None:
    store = mirrored(first, second)
    put(store)
    second._blobs.rename(second._blobs.with_name("away"))
    copies = store.copies()
    assert [copy.domain for copy in copies] == [first.medium, "a disk that does not answer"]
    assert read(copies[0].store) == read(first)


def test_a_store_is_no_mirror_of_itself(first: LocalBlobStore, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "first")
    with pytest.raises(UnknownStore, match="the mirror is the blob store itself"):
        mirrored(first, open_local(tmp_path / "link"))


def test_encryption_keeps_copies_and_cold_reads(first: LocalBlobStore, second: LocalBlobStore) -> None:
    store = encrypted(mirrored(first, second), KeysOfTests())
    assert isinstance(store, SupportsCopyRepair)
    assert isinstance(store, SupportsColdReads)
    assert {"copies", "copy repair"} <= set(capabilities(store))
    info = put(store, content=CONTENT)
    second.delete(KEY)
    assert store.restore(KEY) == 1
    for copy in store.copies():
        assert isinstance(copy.store, SupportsColdReads)
        copy.store.forget_cached(KEY)
        assert (copy.store.head(KEY), read(copy.store)) == (info, CONTENT)


def test_what_is_not_there_can_be_forgotten(store: MirroredBlobStore) -> None:
    store.forget_cached(KEY)
