"""Disk operations of the store, and the one place that translates operating system errors."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from storage_adapters.errors import StorageUnavailable

FOLDER_MODE = 0o700
FILE_MODE = 0o600
COPY_BYTES = 64 * 1024 * 1024


@contextmanager
def os_errors_as_unavailable() -> Iterator[None]:
    """Translate any operating system error (disk full, failing, read-only, forbidden) into StorageUnavailable."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageUnavailable(f"disk error: {reason}") from error


def create_file(path: Path) -> int:
    """Create a file that does not exist and open it for writing; return its descriptor."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)


def write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of the data, in as many system calls as it takes."""
    rest = memoryview(data).cast("B")
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_file(path: Path, data: bytes | bytearray | memoryview) -> None:
    """Create a file with this content and sync it to disk."""
    descriptor = create_file(path)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Sync the names in a folder to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_chain(folder: Path, root: Path) -> None:
    """Sync the names in a folder and in all its parents up to the root.

    All of them: another process may have created one a moment ago and not synced it yet. A missing folder was emptied
    and removed by a concurrent delete.
    """
    while True:
        with suppress(FileNotFoundError):
            sync_folder(folder)
        if folder == root:
            return
        folder = folder.parent


def make_folder(path: Path) -> None:
    """Create a folder and its missing parents, and sync each name to disk."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(mode=FOLDER_MODE, exist_ok=True)
    sync_folder(path.parent)


def remove_tree(path: Path) -> None:
    """Remove a folder of the store with its content, if it exists."""
    with suppress(FileNotFoundError):
        for entry in list(os.scandir(path)):
            if entry.is_dir(follow_symlinks=False):
                remove_tree(Path(entry.path))
            else:
                with suppress(FileNotFoundError):
                    Path(entry.path).unlink()
        path.rmdir()


def link_or_copy(source: Path, target: Path) -> None:
    """Link or copy the source to the target and sync it to disk."""
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:
        # Hard links are impossible here: another file system, too many links, or another owner.
        with source.open("rb", buffering=0) as reader:
            descriptor = create_file(target)
            try:
                while os.sendfile(descriptor, reader.fileno(), None, COPY_BYTES):
                    pass
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a lock that one thread of one process has at a time."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
