"""The memory of this machine about cards: one SQLite file in the state folder, which several readers share."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

# A file that is damaged, or a disk that is full.
DatabaseError = sqlite3.Error

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    request_id TEXT PRIMARY KEY, service TEXT NOT NULL, owner TEXT NOT NULL, card_id TEXT NOT NULL,
    session_id TEXT, folder TEXT, is_open INTEGER NOT NULL, started_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS uploads (
    request_id TEXT NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    number INTEGER NOT NULL, upload_id TEXT, PRIMARY KEY (request_id, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    request_id TEXT NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    state TEXT NOT NULL, file_id TEXT, sha256 TEXT, xxh64 TEXT, fast_key TEXT, ranges TEXT NOT NULL, reason TEXT,
    is_told INTEGER NOT NULL, PRIMARY KEY (request_id, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known (
    service TEXT NOT NULL, owner TEXT NOT NULL, fast_key TEXT NOT NULL, size INTEGER NOT NULL, path TEXT NOT NULL,
    file_id TEXT NOT NULL, mtime_at INTEGER NOT NULL, sha256 TEXT NOT NULL, xxh64 TEXT NOT NULL,
    PRIMARY KEY (service, owner, fast_key, size, path)
) WITHOUT ROWID;
"""


class Database:
    """The file. Each write is on stable storage when it returns."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._connection = sqlite3.connect(folder / "cards.sqlite", check_same_thread=False, timeout=60)
        self._connection.row_factory = sqlite3.Row
        self._lock = Lock()
        with self._lock:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """Return the rows of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Make one transaction of the block."""
        with self._lock, self._connection:
            yield self._connection
