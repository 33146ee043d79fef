"""The counters of an owner, read and corrected."""

from __future__ import annotations

import sqlite3
from collections import defaultdict

from storage_adapters.metadata.sqlite.indexes import usage_scope
from storage_adapters.usage import Tally, Usage, usage_from

_ADD = (
    "INSERT INTO usage (scope, dimension, key, files, bytes) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET files = files + excluded.files, bytes = bytes + excluded.bytes"
)


def read_usage(connection: sqlite3.Connection, owner: str | None) -> Usage:
    """Read the counters of one owner, or of everybody."""
    scopes = [usage_scope(dimension, owner) for dimension in ("total", "trash", "versions")]
    rows = connection.execute(
        "SELECT dimension, key, files, bytes FROM usage WHERE scope IN (?, ?, ?)", scopes
    ).fetchall()
    counted: defaultdict[str, dict[str, Tally]] = defaultdict(dict)
    for dimension, key, files, size in rows:
        counted[dimension][key] = Tally(files=files, bytes=size)
    return usage_from(counted)


def add_usage(connection: sqlite3.Connection, owner: str | None, difference: Usage) -> None:
    """Add to the counters; those of no files are removed."""
    for dimension, key, tally in difference.counters():
        row = (usage_scope(dimension, owner), dimension, key)
        connection.execute(_ADD, (*row, tally.files, tally.bytes))
        connection.execute("DELETE FROM usage WHERE scope = ? AND dimension = ? AND key = ? AND files = 0", row)
