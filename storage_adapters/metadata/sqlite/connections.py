"""Connections to one database file: lent to one caller at a time, whatever its thread, and never across a fork.

SQLite's locks belong to the process, so a forked child that shares the file with inherited connections would hold
locks that it does not have. Before a fork all connections are therefore closed; parent and child open new ones.

SQLite writes on into a file that was replaced or removed, as by a backup that is restored beside a running process:
what it confirms is lost. So the file is looked at whenever a connection is lent.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from _thread import RLock  # the interpreter's own lock: also excludes native threads when threading is patched
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakSet

from storage_adapters.errors import StorageFull, StorageUnavailable
from storage_adapters.metadata.sqlite.group_commit import Writers, storage_error_of

BUSY_MS = 10_000
IDLE_CONNECTIONS = 8
FORK_WAIT_SECONDS = BUSY_MS / 1000 + 5
# What the pages of one write take in the write-ahead log, with room to spare.
LEAST_FREE_BYTES = 256 * 1024

_RESTART = "stop all processes of the service, and start them again"

_pools: WeakSet[Connections] = WeakSet()
_inherited: list[sqlite3.Connection] = []


@contextlib.contextmanager
def sqlite_errors_as_storage_errors() -> Iterator[None]:
    """Raise StorageUnavailable for whatever SQLite raises; StorageFull without space."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise storage_error_of(error) from error


class Connections:
    """A pool that opens what it needs and keeps up to ``IDLE_CONNECTIONS`` of them."""

    def __init__(self, path: Path, *, making: bool = True) -> None:
        self._path = path
        self._making = making
        self._open: set[sqlite3.Connection] = set()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._file: tuple[int, int] | None = None
        self._opening = RLock()
        self._writers = Writers(self._take, self._give_back)
        _pools.add(self)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection; each statement sees the newest committed state."""
        with sqlite_errors_as_storage_errors():
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection whose statements all see the same state."""
        with self.reading() as connection:
            connection.execute("BEGIN")
            with _undone_when_raised(connection):
                yield connection
                connection.execute("COMMIT")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection in a transaction that is committed at the end, or undone when anything is raised.

        Writers of this process take turns, see ``group_commit``; SQLite's own waiting is for other processes.
        """
        with sqlite_errors_as_storage_errors(), self._writers.writing() as connection:
            yield connection

    @property
    def exists(self) -> bool:
        """Presence of the database file. Raises StorageUnavailable for a folder that this process may not enter."""
        try:
            return self._path.exists()
        except OSError as error:
            raise StorageUnavailable(f"sqlite: {self._path}: {error.strerror}") from error

    def make(self) -> None:
        """Create the file, for its owner alone, when there is none, now or at the first connection."""
        make_folder(self._path.parent)
        # Whatever goes wrong here goes wrong again when SQLite opens the file, and is told then. What SQLite puts
        # beside the file gets the same mode.
        with contextlib.suppress(OSError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._making = True

    def require_writable(self) -> None:
        """Return when a write is possible, as far as the file system says. Raises StorageUnavailable, StorageFull."""
        try:
            writable, found = os.access(self._path, os.W_OK), os.statvfs(self._path)
        except OSError as error:
            raise StorageUnavailable(f"sqlite: {self._path.name}: {error.strerror}") from error
        if not writable:
            raise StorageUnavailable(f"sqlite: this process may not write to {self._path.name}")
        # A file system that counts no blocks tells nothing.
        if found.f_blocks and found.f_bavail * found.f_frsize < LEAST_FREE_BYTES:
            raise StorageFull(f"sqlite: no space is left on the disk of {self._path.name}")

    def close(self) -> None:
        """Close what is idle now and what is lent when it comes back."""
        self._closed = True
        self._close_idle()

    def _take(self) -> sqlite3.Connection:
        if self._file is not None:
            self._require_same_file()
        try:
            return self._idle.pop()
        except IndexError:
            with self._opening:
                return self._connect()

    def _require_same_file(self) -> None:
        """Return when the file is the one that was opened first. Raises StorageUnavailable."""
        try:
            found = self._path.stat()
        except OSError as error:
            raise StorageUnavailable(f"sqlite: {self._path.name} was removed: {_RESTART}") from error
        if self._file is None:
            self._file = found.st_dev, found.st_ino
        if self._file != (found.st_dev, found.st_ino):
            raise StorageUnavailable(f"sqlite: {self._path.name} was replaced by another file: {_RESTART}")

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction or len(self._idle) >= IDLE_CONNECTIONS:
            self._close_one(connection)
        else:
            self._idle.append(connection)
            if self._closed:
                self._close_idle()

    def _connect(self) -> sqlite3.Connection:
        if self._closed:
            raise StorageUnavailable("the store is closed")
        if not self._making and not self.exists:
            raise StorageUnavailable(f"sqlite: there is no file {self._path}")
        try:
            connection = sqlite3.connect(
                self._path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False, cached_statements=256
            )
        except sqlite3.OperationalError as error:
            raise StorageUnavailable(f"sqlite: cannot open {self._path}: {_reason_of(self._path, error)}") from error
        self._open.add(connection)
        try:
            _configure(connection)
            self._require_same_file()
        except BaseException:
            self._close_one(connection)
            raise
        return connection

    def _close_one(self, connection: sqlite3.Connection) -> None:
        self._open.discard(connection)
        with contextlib.suppress(sqlite3.Error):
            connection.close()

    def _close_idle(self) -> None:
        while self._idle:
            with contextlib.suppress(IndexError):
                self._close_one(self._idle.pop())

    def hold(self) -> None:
        """Before a fork: block new connections, and wait until all connections have come back and are closed."""
        self._opening.acquire()
        deadline = time.monotonic() + FORK_WAIT_SECONDS
        self._close_idle()
        while self._open and time.monotonic() < deadline:
            time.sleep(0.001)
            self._close_idle()

    def resume(self) -> None:
        """After a fork, in the parent."""
        self._opening.release()

    def start_over(self) -> None:
        """After a fork, in the child: the threads that could release the locks do not exist here."""
        _inherited.extend(self._open)  # closing them would disturb the parent's locks
        self._open, self._idle = set(), []
        self._opening = RLock()
        self._writers.start_over()


def make_folder(folder: Path) -> None:
    """Create the folder for its owner alone, durably: a power cut right after the first write does not remove it."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder in missing:
            folder.chmod(0o700)
        for path in missing:
            descriptor = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    except OSError as error:
        raise StorageUnavailable(f"cannot create the folder {folder}: {error}") from error


@contextlib.contextmanager
def _undone_when_raised(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # when even this fails, the connection is closed, which undoes it too
            connection.execute("ROLLBACK")
        raise


def _reason_of(path: Path, error: sqlite3.Error) -> str:
    """Return why a file cannot be opened, which SQLite does not tell."""
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError as reason:
        return reason.strerror or str(reason)
    return str(error)


def _configure(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        _switch_to_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -4096")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.execute("PRAGMA journal_size_limit = 67108864")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Set the journal mode, for which SQLite itself does not wait while another process sets it."""
    deadline = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


_held: list[Connections] = []


def _before_fork() -> None:
    _held[:] = list(_pools)
    for pool in _held:
        pool.hold()


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().resume()


def _after_fork_in_child() -> None:
    while _held:
        _held.pop().start_over()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
