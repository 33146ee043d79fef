"""The inventory of a node: a cache of what its disk holds, in SQLite beside the chunks.

The files are the truth. A start behind an unclean stop, or without a cache, compares the cache with them, and says that
it is not complete until that is done. Nothing is synced to disk: what a crash of the machine takes is found by that
comparison, and a database that it damaged is made anew.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Self

from storage_adapters.blobs.nodes.protocol.layout import PARTITIONS

logger = logging.getLogger(__name__)

_MASK = (1 << 64) - 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS chunks (
    partition INTEGER NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
    stored_at INTEGER NOT NULL, verified_at INTEGER NOT NULL, PRIMARY KEY (partition, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS oldest ON chunks (verified_at);
"""
_VERSION = 1
_COLUMNS = "name, size, sha256, stored_at, verified_at"
_ALL = f"SELECT partition, {_COLUMNS} FROM chunks"  # noqa: S608 - our own words
_OLDEST = f"{_ALL} ORDER BY verified_at LIMIT ?"
_ONE = f"SELECT {_COLUMNS} FROM chunks WHERE partition = ? AND name = ?"  # noqa: S608 - our own words
_NAMED = (
    f"SELECT {_COLUMNS} FROM chunks WHERE partition = ? AND name >= ? AND name > ? AND name < ?"  # noqa: S608 - our own words
    " ORDER BY name LIMIT ?"
)

_ORDERED = (
    f"SELECT partition, {_COLUMNS} FROM chunks"  # noqa: S608 - our own words
    " WHERE (partition, name) > (?, ?) AND name >= ? AND name < ? ORDER BY partition, name LIMIT ?"
)

# Errors that another database file in the same place would have too.
_OF_THE_PLACE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)


class InventoryBroken(Exception):
    """An inventory that failed, and may lack what the disk holds; the next start compares it with the disk.

    ``is_damage`` when its files must not be used again.
    """

    def __init__(self, error: sqlite3.Error) -> None:
        super().__init__(f"the inventory failed: {error}")
        self.is_damage = is_damage(error)


@dataclass(frozen=True, slots=True)
class Entry:
    """A chunk as the inventory knows it; times are milliseconds since the epoch."""

    name: str
    size: int
    sha256: str
    stored_at: int
    verified_at: int


@dataclass(slots=True)
class Sums:
    """Count, bytes and sum of the hashes of the names of a partition, the last modulo 2^64."""

    count: int = 0
    size: int = 0
    digest: int = 0

    def add(self, entry: Entry, sign: int = 1) -> None:
        """Add a chunk, or take it out."""
        self.count += sign
        self.size += sign * entry.size
        self.digest = (self.digest + sign * hash_of(entry.name)) & _MASK


class Inventory:
    """The chunks of a disk by partition and name; threads may share it.

    ``is_new`` until it was compared with the whole disk once: it was made at this start, or at an earlier one that
    ended before the comparison did.
    """

    def __init__(self, path: Path) -> None:
        self._lock, self._closed = Lock(), False
        self._failure: sqlite3.Error | None = None
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=32)
        try:
            self.is_new = self._prepare()
            self._sums = self._summed()
        except BaseException:
            self._database.close()
            raise

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the inventory of a node; one that is damaged is set aside, and an empty one made. Raises sqlite3.Error.

        So is one of another version.
        """
        try:
            return cls(path)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            logger.error("the inventory is damaged, and is made anew", extra={"error": str(error)})
            set_aside(path)
        return cls(path)

    @property
    def broken(self) -> InventoryBroken | None:
        """The failure behind which the inventory answers nothing more."""
        return None if self._failure is None else InventoryBroken(self._failure)

    def compared(self) -> None:
        """Note that the inventory was compared with the whole disk."""
        with self._using():
            # Not when it is made: a start that is refused behind that leaves an empty one, and the state "clean".
            self._database.execute(f"PRAGMA user_version = {_VERSION}")
            self.is_new = False

    def put(self, partition: int, entry: Entry) -> None:
        """Add a chunk, or replace what is known of it."""
        with self._using():
            self._forget(partition, entry.name)
            self._database.execute(
                "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)",
                (partition, entry.name, entry.size, entry.sha256, entry.stored_at, entry.verified_at),
            )
            self._sums[partition].add(entry)

    def remove(self, partition: int, name: str) -> None:
        """Forget a chunk."""
        with self._using():
            self._forget(partition, name)

    def find(self, partition: int, name: str) -> Entry | None:
        """Return what is known of a chunk."""
        with self._using():
            return self._find(partition, name)

    def named(self, partition: int, prefix: str, *, after: str = "", limit: int) -> list[Entry]:
        """Return the chunks of a partition whose names begin with ``prefix``, behind ``after``, in order."""
        with self._using():
            found = self._database.execute(_NAMED, (partition, prefix, after, prefix + "\U0010ffff", limit))
            return [Entry(*columns) for columns in found]

    def ordered(self, prefix: str, *, after: tuple[int, str], limit: int) -> list[tuple[int, Entry]]:
        """Return chunks whose names begin with ``prefix`` behind a partition and name, in that order."""
        with self._using():
            found = self._database.execute(_ORDERED, (*after, prefix, prefix + "\U0010ffff", limit))
            return [(partition, Entry(*columns)) for partition, *columns in found]

    def of_partition(self, partition: int) -> list[Entry]:
        """Return the chunks of a partition in the order of their names."""
        return self.named(partition, "", limit=-1)

    def verified(self, partition: int, name: str, at: int) -> bool:
        """Note that the bytes of a chunk were read and right; return True when the chunk is known."""
        with self._using():
            done = self._database.execute(
                "UPDATE chunks SET verified_at = ? WHERE partition = ? AND name = ?", (at, partition, name)
            )
            return done.rowcount > 0

    def oldest(self, limit: int) -> list[tuple[int, Entry]]:
        """Return the chunks that were not verified for the longest time, with their partitions."""
        with self._using():
            found = self._database.execute(_OLDEST, (limit,))
            return [(partition, Entry(*columns)) for partition, *columns in found]

    def sums(self) -> list[tuple[int, int, int, int]]:
        """Return partition, count, bytes and sum of hashes of each partition that has chunks."""
        with self._using():
            return [
                (number, each.count, each.size, each.digest) for number, each in enumerate(self._sums) if each.count
            ]

    def root(self) -> str:
        """Return one hash of the sums of all partitions."""
        return hashlib.sha256(repr(self.sums()).encode()).hexdigest()[:32]

    def total(self) -> tuple[int, int]:
        """Return the number of chunks and their bytes."""
        with self._lock:
            return sum(each.count for each in self._sums), sum(each.size for each in self._sums)

    def close(self) -> None:
        """Put all on stable storage and close; ``broken`` tells of a failure. Closing twice is harmless."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            try:
                self._database.execute("PRAGMA synchronous = FULL")
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                self._failure = self._failure or error
            self._database.close()

    @contextmanager
    def _using(self) -> Iterator[None]:
        """Hold the lock. Raises InventoryBroken, from the first failure on: what is missing then is not known."""
        with self._lock:
            if self._failure is not None:
                raise InventoryBroken(self._failure)
            try:
                yield
            except sqlite3.ProgrammingError:
                # A defect of the caller, such as a call behind the end.
                raise
            except sqlite3.Error as error:
                self._failure = error
                logger.error("the inventory failed", extra={"error": str(error)})
                raise InventoryBroken(error) from error

    def _prepare(self) -> bool:
        """Make what is missing; return True when the database was never compared with a disk."""
        for pragma in ("journal_mode = WAL", "synchronous = OFF", "cache_size = -8192"):
            self._database.execute(f"PRAGMA {pragma}")
        [(version,)] = self._database.execute("PRAGMA user_version")
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError("the inventory has another version")
        self._database.executescript(_SCHEMA)
        return bool(version == 0)

    def _summed(self) -> list[Sums]:
        sums = [Sums() for _ in range(PARTITIONS)]
        try:
            for partition, *columns in self._database.execute(_ALL):
                sums[partition].add(Entry(*columns))
        except (LookupError, TypeError, AttributeError) as error:
            raise sqlite3.DatabaseError("a row is no chunk") from error
        return sums

    def _find(self, partition: int, name: str) -> Entry | None:
        row = self._database.execute(_ONE, (partition, name)).fetchone()
        return None if row is None else Entry(*row)

    def _forget(self, partition: int, name: str) -> None:
        known = self._find(partition, name)
        if known is not None:
            self._database.execute("DELETE FROM chunks WHERE partition = ? AND name = ?", (partition, name))
            self._sums[partition].add(known, -1)


def hash_of(name: str) -> int:
    """Return the first 64 bits of the SHA-256 of a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])


def is_damage(error: sqlite3.Error) -> bool:
    """Return True for an error that a new database would not have."""
    # The lower byte; the others tell more of it.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _OF_THE_PLACE


def set_aside(path: Path) -> None:
    """Rename the files of a damaged database, in the place of those of an earlier one. Raises OSError."""
    for suffix in ("", "-wal", "-shm"):
        damaged = path.with_name(f"{path.name}.damaged{suffix}")
        damaged.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            path.with_name(f"{path.name}{suffix}").rename(damaged)
