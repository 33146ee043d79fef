"""Folder of unfinished writes and deletes. Leftovers of dead processes are swept.

Each open store has its own folder ``NAME/`` and a file ``NAME.lock``, which it keeps locked (flock(2)). Rules that
prevent processes from sweeping each other's work:

1. The lock file exists and is locked before the folder is created; it is removed after the folder.
2. A process that can lock ``NAME.lock`` may remove ``NAME/``: its owner is dead. The kernel releases the lock of a dead
   process, even when process ids mean nothing because the processes live in different containers.
3. After locking a file, a process checks that the file still has its name; otherwise a sweeper has removed it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path
from threading import Lock

from storage_adapters.blobs.local.disk import FILE_MODE, FOLDER_MODE, make_folder, os_errors_as_unavailable, remove_tree


class Workspace:
    """A process's own folder under ``root``, on the same file system as the blobs."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = -1
        self._renewing = Lock()
        self._open()

    def _open(self) -> None:
        while self._lock < 0:
            self._folder = self._root / secrets.token_hex(8)
            self._lock = _lock_file(self._lock_path, create=True)
        self._folder.mkdir(mode=FOLDER_MODE)

    @property
    def _lock_path(self) -> Path:
        return self._folder.with_suffix(".lock")

    def fresh_path(self) -> Path:
        """Return an unused path in the folder; make another folder if programs that clean up have removed it."""
        if self._lock >= 0 and not (self._folder.is_dir() and self._lock_path.exists()):
            with self._renewing, os_errors_as_unavailable():
                self._renew()
        return self._folder / secrets.token_hex(8)

    def _renew(self) -> None:
        if self._folder.is_dir() and self._lock_path.exists():
            return
        lock, self._lock = self._lock, -1
        try:
            make_folder(self._root)
            self._open()
        finally:
            os.close(lock)

    def sweep(self) -> None:
        """Remove the leftovers of dead processes."""
        for path in list(self._root.iterdir()):
            if path.suffix == ".lock":
                self._sweep_one(path)
            elif path.is_dir() and not path.with_suffix(".lock").exists():
                remove_tree(path)

    def close(self) -> None:
        """Remove the folder and release the lock."""
        if self._lock < 0:
            return
        remove_tree(self._folder)
        self._lock_path.unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = -1

    def _sweep_one(self, path: Path) -> None:
        descriptor = _lock_file(path, create=False)
        if descriptor < 0:
            return
        try:
            remove_tree(path.with_suffix(""))
            path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def _lock_file(path: Path, *, create: bool) -> int:
    """Open and lock a file; return -1 when another process holds it or it was removed."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0), FILE_MODE)
    except FileNotFoundError:
        return -1
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    os.close(descriptor)
    return -1
