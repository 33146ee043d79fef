"""Group commit: writers of one process that wait for each other share a transaction, and with it one sync of the disk.

1. Writers run one after another, each in its turn. One that sees another waiting leaves the transaction open for it;
   the last one, or the one that makes the group full, commits for all.
2. No writer returns before the commit: what it answers is on stable storage, and no reader sees what is not.
3. While another process holds the lock of the database, only the first writer waits on: the others give up soon.
4. A writer that fails takes back its own changes alone, by a savepoint. When the transaction itself fails, so do all.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from _queue import SimpleQueue  # the interpreter's own, as the lock: see ``connections``
from _thread import RLock
from collections.abc import Callable, Iterator

from storage_adapters.errors import StorageFull, StorageUnavailable

MOST_WRITERS = 16
# While another process keeps its lock for longer, one writer waits for it, and the threads of the others are free.
PATIENCE_SECONDS = 2.0
_LOOK_SECONDS = 0.1


def storage_error_of(error: Exception) -> StorageUnavailable:
    """Make the error of the store of one of SQLite."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    kind = StorageFull if name == "SQLITE_FULL" else StorageUnavailable
    return kind(f"sqlite: {error} ({name})")


class Group:
    """A transaction and the number of its writers so far."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.writers = 0
        self._ended: SimpleQueue[sqlite3.Error | None] = SimpleQueue()

    @contextlib.contextmanager
    def changes(self) -> Iterator[None]:
        """Undo what a writer changes in this block when it raises."""
        self.writers += 1
        is_first, connection = self.writers == 1, self.connection
        try:
            if not is_first:
                connection.execute("SAVEPOINT writer")
            yield
            if not is_first:
                connection.execute("RELEASE writer")
        except BaseException:
            try:
                connection.execute("ROLLBACK" if is_first else "ROLLBACK TO writer")
            except sqlite3.Error:
                # When even this fails, the connection is closed, which undoes it too.
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise

    def commit(self) -> None:
        """Commit, if the transaction is not rolled back already, and give all writers the result."""
        failure: sqlite3.Error | None = sqlite3.OperationalError("another writer's failure has undone the transaction")
        try:
            if self.connection.in_transaction:
                self.connection.execute("COMMIT")
                failure = None
            elif self.writers == 1:
                failure = None
        except sqlite3.Error as error:
            failure = error
        finally:
            if self.connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self.connection.execute("ROLLBACK")
            for _ in range(self.writers):
                self._ended.put(failure)

    def wait(self) -> None:
        """Return once the transaction has ended; each writer calls it once. Raises StorageUnavailable if it failed."""
        error = self._ended.get()
        if error is not None:
            raise storage_error_of(error) from error


class Writers:
    """The turns of the writers of a process; ``take`` lends a connection, ``give_back`` gets it back."""

    def __init__(self, take: Callable[[], sqlite3.Connection], give_back: Callable[[sqlite3.Connection], None]) -> None:
        self._take, self._give_back = take, give_back
        self.start_over()

    def start_over(self) -> None:
        """Forget everything, in a forked child: the threads that could release the locks do not exist there."""
        self._lock, self._counting = RLock(), RLock()
        self._waiting = 0
        self._group: Group | None = None
        self._beginning_at: float | None = None

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for the changes of one writer; they are durable when this returns, or undone."""
        group = None
        try:
            with self._turn():
                group = self._group or self._begin()
                try:
                    with group.changes():
                        yield group.connection
                finally:
                    self._commit_unless_awaited(group)
        finally:
            # A failure, too, may be due to changes of the group that come to nothing.
            if group is not None:
                group.wait()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        with self._counting:
            self._waiting += 1
        try:
            while not self._lock.acquire(timeout=_LOOK_SECONDS):
                self._leave_blocked_queue()
        except StorageUnavailable:
            raise
        except BaseException:
            self._leave_queue()
            with self._lock:
                # The transaction may have been left open for this very writer.
                if self._group is not None:
                    self._commit_unless_awaited(self._group)
            raise
        self._leave_queue()
        try:
            yield
        finally:
            self._lock.release()

    def _leave_blocked_queue(self) -> None:
        """Leave the queue if the first writer waits for another process; it sees the queue of after that.

        Raises StorageUnavailable.
        """
        with self._counting:
            since = self._beginning_at
            if since is None or time.monotonic() - since < PATIENCE_SECONDS:
                return
            self._waiting -= 1
        raise StorageUnavailable("sqlite: another process holds the lock of the database")

    def _leave_queue(self) -> None:
        with self._counting:
            self._waiting -= 1

    def _begin(self) -> Group:
        connection = self._take()
        with self._counting:
            self._beginning_at = time.monotonic()
        try:
            connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._give_back(connection)
            raise
        finally:
            with self._counting:
                self._beginning_at = None
        self._group = Group(connection)
        return self._group

    def _commit_unless_awaited(self, group: Group) -> None:
        if self._waiting and group.writers < MOST_WRITERS and group.connection.in_transaction:
            return
        self._group = None
        try:
            group.commit()
        finally:
            self._give_back(group.connection)
