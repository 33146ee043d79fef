"""The counters of an owner, read and corrected."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from storage_adapters.metadata.sqlite.indexes import scope_text
from storage_adapters.records import Tally, Usage

_ADD = (
    "INSERT INTO usage (scope, dimension, key, files, bytes) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET files = files + excluded.files, bytes = bytes + excluded.bytes"
)


def usage_scope(owner: str | None) -> str:
    """Return the scope of the counters of an owner, or of everybody."""
    return scope_text(("all",) if owner is None else ("owner", owner))


def read_usage(connection: sqlite3.Connection, owner: str | None) -> Usage:
    """Read the counters of one owner, or of everybody."""
    rows = connection.execute(
        "SELECT dimension, key, files, bytes FROM usage WHERE scope = ?", (usage_scope(owner),)
    ).fetchall()
    counted: dict[str, dict[str, Tally]] = {"total": {}, "access": {}, "content_type": {}, "status": {}}
    for dimension, key, files, size in rows:
        counted[dimension][key] = Tally(files=files, bytes=size)
    return Usage(
        total=counted["total"].get("", Tally()),
        by_access=counted["access"],
        by_content_type=counted["content_type"],
        by_status=counted["status"],
    )


def add_usage(connection: sqlite3.Connection, owner: str | None, difference: Usage) -> None:
    """Add to the counters; those of no files are removed."""
    scope = usage_scope(owner)
    for dimension, key, tally in _counters(difference):
        connection.execute(_ADD, (scope, dimension, key, tally.files, tally.bytes))
    connection.execute("DELETE FROM usage WHERE scope = ? AND files = 0", (scope,))


def _counters(usage: Usage) -> Iterator[tuple[str, str, Tally]]:
    yield "total", "", usage.total
    for dimension, tallies in (
        ("access", usage.by_access),
        ("content_type", usage.by_content_type),
        ("status", usage.by_status),
    ):
        for key, tally in tallies.items():
            yield dimension, key, tally
