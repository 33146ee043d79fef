"""How the tests of the local blob store look at its disk, break it, and run other processes on it."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, Never, TypeVar, cast

import pytest

from storage_adapters import BlobOptions, open_blob_store
from storage_adapters.blobs.local import LocalBlobStore
from storage_adapters.codec import blob_info_from_document
from tests.contract.blob_scenes import checksums

T = TypeVar("T")
OPTIONS = BlobOptions(signing_key=b"k" * 32, public_url="http://files.example")


def open_local(root: Path) -> LocalBlobStore:
    store = open_blob_store(f"file://{root}", OPTIONS)
    assert isinstance(store, LocalBlobStore)
    return store


def on_two_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each store stand on a disk of its own, named as its folder."""
    monkeypatch.setattr(LocalBlobStore, "medium", property(lambda store: store.root.name))


def assert_tidy(root: Path, *, unfinished: int = 0) -> None:
    """Every blob on the disk is whole, and besides blobs there is nothing."""
    for folder, folders, files in os.walk(root / "blobs"):
        if folder.endswith(".blob"):
            assert (sorted(files), folders) == (["content", "info.json"], [])
            info = blob_info_from_document(Path(folder, "info.json").read_bytes())
            content = Path(folder, "content").read_bytes()
            assert Path(folder) == root / "blobs" / f"{info.key}.blob"
            assert (info.size, info.sha256) == (len(content), checksums(content)["sha256"])
        else:
            assert files == []
    assert len(list(root.glob("tmp/*/*"))) == unfinished


def failing(code: int) -> Callable[..., Never]:
    """A system call that always fails."""

    def call(*_args: object, **_options: object) -> Never:
        raise OSError(code, os.strerror(code))

    return call


@contextmanager
def unreadable(bad: Path) -> Iterator[None]:
    """Let the disk answer every read of a file with EIO, as where a sector is gone, not of one in its place."""
    pread, read_bytes = os.pread, Path.read_bytes
    # Held open, so that no other file gets its number.
    with bad.open("rb") as held, pytest.MonkeyPatch.context() as patch:
        number = os.fstat(held.fileno()).st_ino

        def pread_elsewhere(descriptor: int, *place: int) -> bytes:
            if os.fstat(descriptor).st_ino == number:
                raise OSError(errno.EIO, "bad sector")
            return pread(descriptor, *place)

        def read_elsewhere(path: Path) -> bytes:
            if path.stat().st_ino == number:
                raise OSError(errno.EIO, "bad sector")
            return read_bytes(path)

        patch.setattr(os, "pread", pread_elsewhere)
        patch.setattr(Path, "read_bytes", read_elsewhere)
        yield


class Child(Generic[T]):
    """A forked process that does some work and dies without any clean-up."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._results, results = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            status = 1
            try:
                os.write(results, pickle.dumps(work()))
                status = 0
            finally:
                os._exit(status)
        os.close(results)

    def result(self) -> T | None:
        """Wait for the end; what the work returned, None when the process died on the way."""
        with os.fdopen(self._results, "rb") as results:
            answer = results.read()
        os.waitpid(self._pid, 0)
        return cast("T", pickle.loads(answer)) if answer else None
