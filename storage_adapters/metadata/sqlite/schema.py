"""The tables, and how a database comes to have them. No rules.

1. ``listing`` is the sorted index: one row per scope and sort field of every record, read in the order of its key.
   ``value`` holds integers or folded text, never both under one field; text compares by its UTF-8 bytes. A missing
   value is ``missing`` = 1 with value 0, so that it stands behind the others.
2. The numbers of sort fields are stored: they are never changed or used again.
3. A change of tables is a new ``VERSION`` with the statements that lead to it from the one before.
"""

from __future__ import annotations

import sqlite3

from storage_adapters.errors import StorageUnavailable

FIELD_NUMBERS = {"created_at": 1, "uploaded_at": 2, "processed_at": 3, "expires_at": 4, "name": 5, "size": 6}

_VERSION_1 = """
CREATE TABLE files (
    file_id TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX files_by_bucket ON files (bucket);

CREATE TABLE listing (
    scope TEXT NOT NULL,
    field INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    value ANY NOT NULL,
    file_id TEXT NOT NULL,
    PRIMARY KEY (scope, field, missing, value, file_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE names (
    owner TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    file_id TEXT NOT NULL REFERENCES files (file_id),
    PRIMARY KEY (owner, kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX names_by_file ON names (file_id);

CREATE TABLE usage (
    scope TEXT NOT NULL,
    dimension TEXT NOT NULL,
    key TEXT NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (scope, dimension, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE digest (
    bucket INTEGER NOT NULL PRIMARY KEY,
    files INTEGER NOT NULL,
    high INTEGER NOT NULL,
    low INTEGER NOT NULL
) STRICT;

CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    event TEXT,
    changed_at INTEGER NOT NULL,
    document BLOB NOT NULL
) STRICT;

CREATE TABLE checkpoints (
    consumer TEXT NOT NULL PRIMARY KEY,
    sequence TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tombstones (
    file_id TEXT NOT NULL PRIMARY KEY,
    unclean INTEGER NOT NULL,
    clean_after INTEGER NOT NULL,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX unclean ON tombstones (file_id, clean_after) WHERE unclean;
"""

STEPS = (_VERSION_1,)
VERSION = len(STEPS)


def prepare(connection: sqlite3.Connection) -> None:
    """Bring the database to ``VERSION``; of several processes one does it and the others wait.

    Raises StorageUnavailable when the file was written by a newer version or by another program.
    """
    if _version(connection) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    found = _version(connection)
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if found > VERSION:
        raise StorageUnavailable(
            f"the database has schema {found} and this version knows {VERSION}: it was written by a newer version"
        )
    if found == 0 and tables:
        raise StorageUnavailable("the database holds tables of another program")
    for step in STEPS[found:]:
        for statement in filter(None, map(str.strip, step.split(";"))):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
