"""The blob store on the local disk: the contract, its URL, and what a disk may do to it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from storage_adapters import (
    BlobDamaged,
    BlobNotFound,
    BlobOptions,
    StorageUnavailable,
    UnknownStore,
    capabilities,
    open_blob_store,
)
from storage_adapters.blobs.local import LocalBlobStore
from storage_adapters.blobs.local import writer as writer_module
from tests.adapters.local_disk import OPTIONS, assert_tidy, failing, open_local, unreadable
from tests.contract.blob_room import write_whole
from tests.contract.blob_scenes import KEY, MIB, NOW, is_absent, put, read
from tests.contract.blobs import (
    BlobStoreContract,
    ColdReadsContract,
    CopyContract,
    FreeSpaceContract,
    ListingContract,
    LocalFilesContract,
    PublicUrlsContract,
    ReplacementContract,
    SignedUrlsContract,
    VerifiedUrlsContract,
    WholeWritesContract,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs of files"


@pytest.fixture
def store(root: Path) -> Iterator[LocalBlobStore]:
    store = open_local(root)
    yield store
    assert_tidy(root)
    store.close()
    assert list(root.glob("tmp/*")) == []


class TestLocalBlobStore(
    BlobStoreContract,
    CopyContract,
    SignedUrlsContract,
    VerifiedUrlsContract,
    PublicUrlsContract,
    ReplacementContract,
    LocalFilesContract,
    ListingContract,
    WholeWritesContract,
    FreeSpaceContract,
    ColdReadsContract,
):
    """Besides, the fixture looks whether each test left anything on the disk."""

    def test_it_says_what_it_can(self, store: LocalBlobStore) -> None:
        assert capabilities(store) == [
            "signed urls",
            "public urls",
            "copy",
            "local files",
            "cold reads",
            "whole writes",
            "free space",
            "listing",
        ]


def test_a_cold_reading_finds_nothing_in_memory(disk_path: Path) -> None:
    store = open_local(disk_path)
    put(store, content=b"x" * 3_000_000)
    path = store.local_path(KEY)
    assert in_memory(path)
    store.forget_cached(KEY)
    assert not in_memory(path)
    assert len(read(store)) == 3_000_000
    store.close()


def in_memory(path: Path) -> bool:
    """True when the first page of a file is read without its disk."""
    with path.open("rb") as file:
        try:
            return os.preadv(file.fileno(), [bytearray(4_096)], 0, os.RWF_NOWAIT) > 0
        except BlockingIOError:
            return False


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("file://data/blobs", "names the host data"),
        ("file:", "names no folder"),
        ("file:///", "names no folder"),
        ("file:///a%00b", "names no folder"),
        ("file:///a#b", "%23"),
        ("file:///a?buckets=b", "more than a folder and a bucket"),
        ("file:///a?b", "more than a folder and a bucket"),
        ("file:///a?bucket=", "invalid bucket"),
        ("file:///a?bucket=a%2Fb", "invalid bucket"),
        ("file:///a?bucket=a&bucket=b", "invalid bucket"),
    ],
)
def test_a_url_that_is_not_clear_is_refused_and_says_why(url: str, fault: str) -> None:
    with pytest.raises(UnknownStore, match=fault):
        open_blob_store(url, OPTIONS)


def test_the_url_names_folder_and_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url, root, bucket in [
        (f"file://{tmp_path}/a/b", tmp_path / "a/b", "local"),
        (f"file://localhost{tmp_path}/c", tmp_path / "c", "local"),
        (f"file://{tmp_path}/d%20%23?bucket=films.1", tmp_path / "d #", "films.1"),
        ("file:e/f", tmp_path / "e/f", "local"),
    ]:
        store = open_blob_store(url, OPTIONS)
        info = put(store)
        assert (store.bucket, info.bucket) == (bucket, bucket)
        assert (root / f"blobs/{KEY}.blob/content").read_bytes() == b"some bytes"
        store.close()


@pytest.mark.parametrize("signing_key", [b"", b"k" * 31])
def test_a_short_signing_key_is_refused(tmp_path: Path, signing_key: bytes) -> None:
    with pytest.raises(ValueError, match="signing key"):
        open_blob_store(f"file://{tmp_path}/new", BlobOptions(signing_key=signing_key, public_url="http://x"))
    assert list(tmp_path.iterdir()) == []


def test_blobs_outlive_the_store(root: Path) -> None:
    first = open_local(root)
    info = put(first)
    first.close()
    second = open_local(root)
    assert second.head(KEY) == info
    assert read(second) == b"some bytes"
    second.close()


def test_nobody_but_the_user_of_the_process_gets_at_the_disk(store: LocalBlobStore, root: Path) -> None:
    put(store)
    for path in (root, root / "blobs", root / "tmp", *root.rglob("*.lock"), *root.rglob("content")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_folders_that_became_empty_are_removed(store: LocalBlobStore, root: Path) -> None:
    for key in ("a/b/c", "a/b/d", "a/e"):
        put(store, key)
    store.delete("a/b/c")
    assert (root / "blobs/a/b").is_dir()
    store.delete("a/b/d")
    assert sorted(path.name for path in (root / "blobs/a").iterdir()) == ["e.blob"]
    store.delete("a/e")
    assert list((root / "blobs").iterdir()) == []


def test_a_copy_shares_the_bytes_on_the_disk(store: LocalBlobStore) -> None:
    put(store, "a")
    store.copy("a", "b", now=NOW)
    assert store.local_path("a").samefile(store.local_path("b"))


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP])
def test_a_copy_moves_the_bytes_where_they_cannot_be_shared(
    store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    content = os.urandom(3 * MIB + 1)
    put(store, "a", content)
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", failing(code))
        store.copy("a", "b", now=NOW)
    assert not store.local_path("a").samefile(store.local_path("b"))
    assert read(store, "b") == content


def test_a_copy_of_a_blob_that_is_replaced_meanwhile_mixes_nothing(
    store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link
    put(store, "a", b"first")

    def replace_and_link(source: Path, target: Path) -> None:
        store.delete("a")
        put(store, "a", b"second")
        link(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", replace_and_link)
        with pytest.raises(BlobNotFound):
            store.copy("a", "b", now=NOW)
    assert is_absent(store, "b")


def test_writes_that_the_system_takes_in_part_are_carried_on(
    store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
        put(store, content=b"0123456789" * 100)
    assert read(store) == b"0123456789" * 100


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EMFILE])
@pytest.mark.parametrize("call", ["open", "write", "fsync", "mkdir", "rename", "link", "posix_fadvise"])
def test_a_disk_that_fails_makes_the_store_unavailable_and_leaves_nothing(
    store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    put(store, "there")
    with monkeypatch.context() as patch:
        patch.setattr(writer_module, "WRITEBACK_BYTES", 1000)
        patch.setattr(os, call, failing(code))
        if call != "link":
            with pytest.raises(StorageUnavailable, match=os.strerror(code)):
                put(store, "a/b", b"x" * 1000)
        if call not in ("write", "posix_fadvise", "link"):
            with pytest.raises(StorageUnavailable, match=os.strerror(code)):
                store.copy("there", "a/b", now=NOW)
        if call in ("open", "write", "fsync"):
            with pytest.raises(StorageUnavailable, match=os.strerror(code)):
                store.ping()
    assert is_absent(store, "a/b")
    put(store, "a/b")


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES])
def test_a_blob_that_cannot_be_read_makes_the_store_unavailable(
    store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    put(store)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", failing(code))
        with pytest.raises(StorageUnavailable):
            read(store)
    with monkeypatch.context() as patch:
        patch.setattr("io.open", failing(code))
        for call in (store.head, store.get):
            with pytest.raises(StorageUnavailable):
                call(KEY)
    assert read(store) == b"some bytes"


def test_a_failed_deletion_may_be_repeated(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_local(root)
    put(store)
    for call in ("rename", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, failing(errno.EIO))
            with pytest.raises(StorageUnavailable):
                store.delete(KEY)
    store.delete(KEY)
    assert is_absent(store)
    store.close()


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"x": 1}', b"\xff"])
def test_a_blob_with_a_damaged_description_is_damaged_and_gives_way(
    store: LocalBlobStore, root: Path, damaged: bytes
) -> None:
    put(store)
    (root / f"blobs/{KEY}.blob/info.json").write_bytes(damaged)
    with pytest.raises(BlobDamaged, match="description"):
        store.head(KEY)
    put(store, KEY, b"whole")
    assert read(store, KEY) == b"whole"
    store.delete(KEY)
    assert is_absent(store)


@pytest.mark.parametrize("limit", [1, 10])
def test_a_list_goes_on_behind_a_blob_that_cannot_be_described(root: Path, limit: int) -> None:
    store = open_local(root)
    for key in ("a", "b", "c", "d"):
        put(store, key)
    (root / "blobs/a.blob/info.json").write_bytes(b"")
    found: list[str] = []
    with unreadable(root / "blobs/c.blob/info.json"):
        while page := store.scan(after=found[-1] if found else "", limit=limit):
            found += [info.key for info in page]
    assert found == ["b", "d"]
    store.close()


def test_a_list_of_a_disk_that_fails_as_a_whole_is_an_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_local(root)
    put(store, "a")
    with unreadable(root / "blobs/a.blob/info.json"), monkeypatch.context() as patch:
        patch.setattr(os, "rename", failing(errno.EROFS))
        with pytest.raises(StorageUnavailable):
            store.scan(limit=10)
    store.close()


def test_a_folder_that_cannot_be_made_makes_the_store_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnavailable):
        open_local(tmp_path / "file/x")


def test_a_writer_whose_disk_failed_takes_no_more(store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = store.writer(KEY, content_type="text/plain", now=NOW)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", failing(errno.ENOSPC))
        with pytest.raises(StorageUnavailable):
            writer.write(b"x")
    with pytest.raises(ValueError, match="closed"):
        writer.commit(declared={})


def test_a_folder_of_unfinished_blobs_that_was_emptied_or_removed_is_made_again(root: Path) -> None:
    store = open_local(root)
    for number, damage in enumerate((root / "tmp", *(root / "tmp").iterdir())):
        if damage.is_dir():
            shutil.rmtree(damage)
        else:
            damage.unlink(missing_ok=True)
        store.ping()
        put(store, f"a/{number}")
        write_whole(store, b"abc", f"b/{number}")
        store.copy(f"a/{number}", f"c/{number}", now=NOW)
        store.delete(f"b/{number}")
        assert read(store, f"c/{number}") == b"some bytes"
    other = open_local(root)
    put(store, "swept")
    other.close()
    store.close()
    assert list((root / "tmp").iterdir()) == []


def test_a_store_that_cannot_publish_blobs_is_not_ready(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_local(root)
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", failing(errno.EXDEV))
        with pytest.raises(StorageUnavailable, match=os.strerror(errno.EXDEV)):
            store.ping()
        with pytest.raises(StorageUnavailable, match=os.strerror(errno.EXDEV)):
            put(store)
    store.ping()
    assert store.scan(limit=10) == []
    assert_tidy(root)
    store.close()


def test_a_blob_that_was_cut_says_so_and_can_be_written_again(store: LocalBlobStore, root: Path) -> None:
    put(store, KEY, b"whole")
    [content] = root.rglob("content")
    os.truncate(content, 2)
    found = store.head(KEY)
    assert (found.size, found.md5, found.sha256) == (2, None, None)
    store.delete(KEY, generation=found.generation)
    put(store, KEY, b"whole")
    assert read(store, KEY) == b"whole"


@pytest.mark.parametrize("name", ["content", "info.json"])
def test_half_a_blob_is_no_blob_and_gives_way(store: LocalBlobStore, root: Path, name: str) -> None:
    put(store, KEY, b"whole")
    [half] = root.rglob(name)
    half.unlink()
    with pytest.raises(BlobNotFound):
        store.head(KEY)
    store.write_whole(KEY, b"whole", sha256=sha256(b"whole").hexdigest(), content_type="a/b", now=NOW)
    assert read(store, KEY) == b"whole"
