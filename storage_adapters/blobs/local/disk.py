"""What the store asks of the operating system, and the one place where its errors become ours."""

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
    """Full, failing, read-only or forbidden disk: whatever the system says, the store cannot do it now."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageUnavailable(f"the disk refuses: {reason}") from error


def create_file(path: Path) -> int:
    """Create a file for writing that does not exist yet; returns its descriptor."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)


def write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of the data, however little each system call takes."""
    rest = memoryview(data).cast("B")
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_file(path: Path, data: bytes | bytearray | memoryview) -> None:
    """Create a file with this content, on stable storage."""
    descriptor = create_file(path)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Put the names in a folder on stable storage."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_chain(folder: Path, root: Path) -> None:
    """Put the names in a folder and in all above it, up to the root, on stable storage.

    All of them: another process may have made one a moment ago and not have got to syncing it. A folder that is gone
    was emptied and removed by somebody who deletes.
    """
    while True:
        with suppress(FileNotFoundError):
            sync_folder(folder)
        if folder == root:
            return
        folder = folder.parent


def make_folder(path: Path) -> None:
    """Make a folder and those above it that are missing, each with its name on stable storage."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(mode=FOLDER_MODE, exist_ok=True)
    sync_folder(path.parent)


def remove_tree(path: Path) -> None:
    """Remove a folder of the store with all that is in it; nothing there is fine."""
    with suppress(FileNotFoundError):
        for entry in list(os.scandir(path)):
            if entry.is_dir(follow_symlinks=False):
                remove_tree(Path(entry.path))
            else:
                with suppress(FileNotFoundError):
                    Path(entry.path).unlink()
        path.rmdir()


def link_or_copy(source: Path, target: Path) -> None:
    """Give the target the source's content, on stable storage: by a link, else by a copy."""
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:
        # No links between these places, too many of them, or not to somebody else's file.
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
