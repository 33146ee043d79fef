"""The inventory of a node: a cache of what its disk holds, in SQLite beside the chunks.

The files are the truth. A start behind an unclean stop, or without a cache, compares the cache with them, and says that
it is not complete until that is done. Nothing is synced to disk: what a crash of the machine takes is found by that
comparison.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from storage_adapters.blobs.nodes.protocol.layout import PARTITIONS

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
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=32)
        for pragma in ("journal_mode = WAL", "synchronous = OFF", "cache_size = -8192"):
            self._database.execute(f"PRAGMA {pragma}")
        [(version,)] = self._database.execute("PRAGMA user_version")
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError("the inventory has another version")
        self.is_new = version == 0
        self._database.executescript(_SCHEMA)
        self._sums = [Sums() for _ in range(PARTITIONS)]
        for partition, *columns in self._database.execute(_ALL):
            self._sums[partition].add(Entry(*columns))

    def compared(self) -> None:
        """Note that the inventory was compared with the whole disk."""
        with self._lock:
            # Not when it is made: a start that is refused behind that leaves an empty one, and the state "clean".
            self._database.execute(f"PRAGMA user_version = {_VERSION}")
            self.is_new = False

    def put(self, partition: int, entry: Entry) -> None:
        """Add a chunk, or replace what is known of it."""
        with self._lock:
            self._forget(partition, entry.name)
            self._database.execute(
                "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)",
                (partition, entry.name, entry.size, entry.sha256, entry.stored_at, entry.verified_at),
            )
            self._sums[partition].add(entry)

    def remove(self, partition: int, name: str) -> None:
        """Forget a chunk."""
        with self._lock:
            self._forget(partition, name)

    def find(self, partition: int, name: str) -> Entry | None:
        """Return what is known of a chunk."""
        with self._lock:
            return self._find(partition, name)

    def named(self, partition: int, prefix: str, *, after: str = "", limit: int) -> list[Entry]:
        """Return the chunks of a partition whose names begin with ``prefix``, behind ``after``, in order."""
        with self._lock:
            found = self._database.execute(_NAMED, (partition, prefix, after, prefix + "\U0010ffff", limit))
            return [Entry(*columns) for columns in found]

    def ordered(self, prefix: str, *, after: tuple[int, str], limit: int) -> list[tuple[int, Entry]]:
        """Return chunks whose names begin with ``prefix`` behind a partition and name, in that order."""
        with self._lock:
            found = self._database.execute(_ORDERED, (*after, prefix, prefix + "\U0010ffff", limit))
            return [(partition, Entry(*columns)) for partition, *columns in found]

    def of_partition(self, partition: int) -> list[Entry]:
        """Return the chunks of a partition in the order of their names."""
        return self.named(partition, "", limit=-1)

    def verified(self, partition: int, name: str, at: int) -> None:
        """Note that the bytes of a chunk were read and right."""
        with self._lock:
            self._database.execute(
                "UPDATE chunks SET verified_at = ? WHERE partition = ? AND name = ?", (at, partition, name)
            )

    def oldest(self, limit: int) -> list[tuple[int, Entry]]:
        """Return the chunks that were not verified for the longest time, with their partitions."""
        with self._lock:
            found = self._database.execute(_OLDEST, (limit,))
            return [(partition, Entry(*columns)) for partition, *columns in found]

    def sums(self) -> list[tuple[int, int, int, int]]:
        """Return partition, count, bytes and sum of hashes of each partition that has chunks."""
        with self._lock:
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
        """Put all on stable storage and close. Closing twice is harmless."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._database.execute("PRAGMA synchronous = FULL")
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self._database.close()

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
