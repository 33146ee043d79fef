"""The machine loses its power: only what was synced is sure to be there, and a rename may have happened or not.

Two rules make a blob safe. Before a folder is renamed to where blobs are found, all that is in it is on stable storage:
the rename may reach the disk at any moment. And before an operation is answered, every name from the root down to the
blob is, or of a deleted blob no longer is.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISDIR

import pytest

from storage_adapters import BlobExists
from storage_adapters.blobs.local import LocalBlobStore
from tests.adapters.local_disk import Child, failing, open_local
from tests.contract.blob_scenes import NOW, put

PART = "owner/file/part"


class StableStorage:
    """Follows fsync: of a file the size that is safe, of a folder the names (with the inode behind each)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._sizes: dict[int, int] = {}
        self._names: dict[int, dict[str, int]] = {}
        self.published = 0
        self._fsync, self._rename = os.fsync, os.rename
        monkeypatch.setattr(os, "fsync", self.fsync)
        monkeypatch.setattr(os, "rename", self.rename)

    def fsync(self, descriptor: int) -> None:
        self._fsync(descriptor)
        status = os.fstat(descriptor)
        if S_ISDIR(status.st_mode):
            self._names[status.st_ino] = {entry.name: entry.inode() for entry in list(os.scandir(descriptor))}
        else:
            self._sizes[status.st_ino] = status.st_size

    def rename(self, source: Path, target: Path) -> None:
        if target.suffix == ".blob":
            self.published += 1
            assert set(self._names[source.stat().st_ino]) == {"content", "info.json"}
            for path in source.iterdir():
                assert self.has(path)
                assert self._sizes[path.stat().st_ino] == path.stat().st_size
        self._rename(source, target)

    def has(self, path: Path) -> bool:
        """Whether the name is safe, and means what it means now."""
        return self._names.get(path.parent.stat().st_ino, {}).get(path.name) == path.stat().st_ino

    def lacks(self, path: Path) -> bool:
        """Whether it is safe that the name is no more."""
        return path.name not in self._names[path.parent.stat().st_ino]

    def has_blob(self, root: Path, key: str) -> bool:
        """Whether every name from the root to the blob is safe."""
        path = root / "blobs" / f"{key}.blob"
        return all(self.has(step) for step in (path, *path.parents) if step.is_relative_to(root))


@pytest.fixture
def root(disk_path: Path) -> Path:
    return disk_path / "new/blobs"


@pytest.fixture
def stable(monkeypatch: pytest.MonkeyPatch) -> StableStorage:
    return StableStorage(monkeypatch)


@pytest.fixture
def store(stable: StableStorage, root: Path) -> Iterator[LocalBlobStore]:
    store = open_local(root)
    yield store
    store.close()


def test_a_blob_is_safe_when_put_answers(store: LocalBlobStore, stable: StableStorage, root: Path) -> None:
    put(store, PART)
    assert stable.published == 1
    assert stable.has_blob(root, PART)
    put(store, "owner/file/other")
    assert stable.has_blob(root, "owner/file/other")


def test_folders_that_were_there_but_perhaps_not_synced_are_synced(stable: StableStorage, root: Path) -> None:
    open_local(root).close()
    (root / "blobs").rename(root / "aside")
    (root / "blobs").mkdir()
    store = open_local(root)
    put(store, PART)
    assert stable.has_blob(root, PART)
    store.close()


def test_a_copy_is_safe_when_copy_answers(store: LocalBlobStore, stable: StableStorage, root: Path) -> None:
    put(store, PART)
    store.copy(PART, "other/file/part", now=NOW)
    assert stable.published == 2
    assert stable.has_blob(root, "other/file/part")


def test_a_copy_without_links_is_safe_too(
    store: LocalBlobStore, stable: StableStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EXDEV))
    put(store, PART)
    store.copy(PART, "other/file/part", now=NOW)
    assert stable.published == 2
    assert stable.has_blob(root, "other/file/part")


def test_a_deletion_is_safe_when_delete_answers(store: LocalBlobStore, stable: StableStorage, root: Path) -> None:
    put(store, PART)
    put(store, "owner/file/other")
    store.delete(PART)
    assert stable.lacks(root / f"blobs/{PART}.blob")


def test_what_a_dead_process_had_no_time_to_sync_is_synced_before_anybody_counts_on_it(
    store: LocalBlobStore, stable: StableStorage, root: Path
) -> None:
    def die_after_rename() -> None:
        rename = os.rename

        def last_rename(source: Path, target: Path) -> None:
            rename(source, target)
            os._exit(0)

        other = open_local(root)
        os.rename = last_rename  # type: ignore[assignment]
        if (root / f"blobs/{PART}.blob").exists():
            other.delete(PART)
        put(other, PART)

    slower = store.writer(PART, content_type="text/plain", now=NOW)
    Child(die_after_rename).result()
    assert not stable.has_blob(root, PART)
    with pytest.raises(BlobExists):
        slower.commit(declared={})
    assert stable.has_blob(root, PART)

    put(store, "owner/file/other")
    Child(die_after_rename).result()
    assert not stable.lacks(root / f"blobs/{PART}.blob")
    store.delete(PART)
    assert stable.lacks(root / f"blobs/{PART}.blob")

    Child(die_after_rename).result()
    with pytest.raises(BlobExists):
        store.writer(PART, content_type="text/plain", now=NOW)
    assert stable.has_blob(root, PART)
