"""Disk operations of the store, and the one place that translates operating system errors."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path

from storage_adapters.errors import StorageFull, StorageUnavailable

FOLDER_MODE = 0o700
FILE_MODE = 0o600
COPY_BYTES = 64 * 1024 * 1024
SYNCS_AT_ONCE = 8
# Two folders and two files; some are left for other programs, such as the database.
INODES_OF_A_BLOB = 4
SPARE_INODES = 10_000


@cache
def _syncing() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(SYNCS_AT_ONCE, thread_name_prefix="sync")


# A forked child has none of its parent's threads.
os.register_at_fork(after_in_child=_syncing.cache_clear)


@contextmanager
def os_errors_as_unavailable(*, name: Path | None = None) -> Iterator[None]:
    """Translate any operating system error (failing, read-only, forbidden; full) into StorageUnavailable.

    The folder of the store is named only where no caller of the service reads the message.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        kind = StorageFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StorageUnavailable
        raise kind(f"disk error{f' in {name}' if name else ''}: {reason}") from error


def free_bytes_of(found: os.statvfs_result) -> int:
    """Return the free bytes of a file system, 0 when fewer inodes are left than a blob and its neighbours may need.

    A file system without a limit of inodes reports none at all.
    """
    lacks_inodes = found.f_files > 0 and found.f_favail < min(SPARE_INODES, found.f_files // 100 + INODES_OF_A_BLOB)
    return 0 if lacks_inodes else found.f_bavail * found.f_frsize


def forget_cached(path: Path) -> None:
    """Write the dirty pages of a file and drop it from memory, where the system can and the file is there."""
    with os_errors_as_unavailable(), suppress(FileNotFoundError), path.open("rb", buffering=0) as file:
        # Dirty pages are not dropped.
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def create_file(path: Path) -> int:
    """Create a file that does not exist and open it for writing; return its descriptor."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)


class NewFile:
    """A file that is being written; ``sync`` puts it on stable storage and closes it."""

    def __init__(self, path: Path) -> None:
        self.descriptor = create_file(path)

    @property
    def is_open(self) -> bool:
        """True until the file is closed."""
        return self.descriptor >= 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of the data, however little each system call takes."""
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[os.write(self.descriptor, rest) :]

    def sync(self) -> None:
        """Sync and close."""
        try:
            os.fsync(self.descriptor)
        finally:
            self.close()

    def close(self) -> None:
        """Close; closing twice is harmless."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def write_file(path: Path, data: bytes | bytearray | memoryview) -> None:
    """Create a file with this content and sync it to disk."""
    file = NewFile(path)
    try:
        file.write(data)
        file.sync()
    finally:
        file.close()


def replace_file(path: Path, data: bytes) -> None:
    """Put this content in the place of a file, on stable storage: readers meet the one or the other, whole."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        write_file(beside, data)
        beside.rename(path)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_with_description(content: NewFile, description: Path, document: bytes) -> None:
    """Write the description beside a content, and put both and their names on stable storage; closes the content."""
    file = NewFile(description)
    try:
        file.write(document)
        sync_together(content.sync, file.sync, partial(sync_folder, description.parent))
    finally:
        file.close()


def sync_path(path: Path) -> None:
    """Put the content of a file on stable storage."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Sync the names in a folder to disk; does nothing for a folder that was removed."""
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_together(*syncs: Callable[[], None]) -> None:
    """Run syncs at the same time, so that the file system writes them in one commit. Raises what the first raises.

    All have ended when this returns or raises.
    """
    rest = [_syncing().submit(sync) for sync in syncs[1:]]
    try:
        syncs[0]()
    finally:
        wait(rest)
    for each in rest:
        each.result()


def sync_chain(folder: Path, root: Path) -> None:
    """Sync the names in a folder and in all its parents up to the root.

    All of them: another process may have created one a moment ago and not synced it yet. A missing folder was emptied
    and removed by a concurrent delete.
    """
    chain = [folder, *folder.parents]
    sync_together(*(partial(sync_folder, each) for each in chain[: chain.index(root) + 1]))


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
