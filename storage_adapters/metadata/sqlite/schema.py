"""The tables, and the migrations that create them. No rules.

1. ``listing`` is the sorted index: the rows of ``query.index_entries`` of every record, read in the order of its key.
   ``value`` holds integers or text, never both under one field; text compares by its UTF-8 bytes. A missing value is
   ``missing`` = 1 with value 0, so that it stands behind the others. Rows by path, by captured time and duration,
   of the trash and of versions came after version 2 of the tables: no record of before has any, so they need no version
   of their own.
2. The numbers of sort fields are stored: they are never changed or used again.
3. ``uploads`` are the states of uploads, ``upload_chunks`` their manifests, ``upload_ranges`` what has arrived with
   neighbours merged. ``chunks`` are the stored copies: ``named`` counts the rows of ``upload_chunks`` of the uploads of
   the domain that name them; the column ``owner`` has the domain. One marked as garbage is not in ``chunks`` any more.
4. A change of tables is a new ``VERSION``, with the statements that lead to it from the one before and back, and a
   step of ``migrations`` that has them carried out. Only an empty file is given its tables when it is opened.
5. ``journal`` belongs to no version: a migration makes it when it first writes into it. Nor do ``documents`` and
   ``document_names``, nor ``upload_domains`` of the uploads whose domain is not their owner: they are added when they
   are missing, and a version that does not know them does not look at them. ``sort`` is the order key of a document,
   ``due`` its ``expires_at``; a name has several rows only while copies are on their way.
6. ``usage`` has the counters of listed files under the scope of their owner and of all; those of the trash and of
   versions stand under the scopes of these, where a version that does not know them does not look.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

from storage_adapters.errors import SchemaMismatch, StorageUnavailable

FIELD_NUMBERS = {
    "created_at": 1,
    "uploaded_at": 2,
    "processed_at": 3,
    "expires_at": 4,
    "name": 5,
    "size": 6,
    "path": 7,
    "trashed_at": 8,
    "captured_at": 9,
    "media.duration_ms": 10,
}

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

_VERSION_2 = """
CREATE TABLE uploads (
    upload_id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    size INTEGER,
    chunk_size INTEGER NOT NULL,
    status TEXT NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    chunks INTEGER NOT NULL DEFAULT 0,
    sealed_at INTEGER,
    sha256 TEXT,
    md5 TEXT,
    details BLOB NOT NULL
) STRICT;
CREATE INDEX uploads_by_owner ON uploads (owner) WHERE status = 'open';
CREATE INDEX uploads_by_expiry ON uploads (expires_at) WHERE status = 'open';
CREATE INDEX uploads_deleting ON uploads (upload_id) WHERE status = 'deleting';

CREATE TABLE upload_chunks (
    upload_id TEXT NOT NULL,
    place INTEGER NOT NULL,
    size INTEGER NOT NULL,
    object_id TEXT NOT NULL,
    token TEXT NOT NULL,
    PRIMARY KEY (upload_id, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE upload_ranges (
    upload_id TEXT NOT NULL,
    u_start INTEGER NOT NULL,
    u_end INTEGER NOT NULL,
    PRIMARY KEY (upload_id, u_start)
) STRICT, WITHOUT ROWID;

CREATE TABLE chunks (
    owner TEXT NOT NULL,
    object_id TEXT NOT NULL,
    token TEXT NOT NULL,
    named INTEGER NOT NULL DEFAULT 0,
    stored INTEGER NOT NULL DEFAULT 0,
    unused_since INTEGER NOT NULL,
    PRIMARY KEY (owner, object_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX chunks_unused ON chunks (unused_since) WHERE named = 0;

CREATE TABLE condemned_chunks (
    token TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    object_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""

_DOCUMENTS = """
CREATE TABLE documents (
    collection TEXT NOT NULL,
    document_id TEXT NOT NULL,
    sort TEXT NOT NULL,
    deleted INTEGER NOT NULL,
    due INTEGER,
    bucket INTEGER NOT NULL,
    high INTEGER NOT NULL,
    low INTEGER NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (collection, document_id)
) STRICT;
CREATE INDEX documents_by_order ON documents (collection, sort, document_id) WHERE NOT deleted;
CREATE INDEX documents_by_bucket ON documents (bucket, high, low) WHERE NOT deleted;
CREATE INDEX documents_due ON documents (deleted, due) WHERE due IS NOT NULL;
CREATE TABLE document_names (
    collection TEXT NOT NULL,
    name TEXT NOT NULL,
    document_id TEXT NOT NULL,
    PRIMARY KEY (collection, name, document_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE upload_domains (
    upload_id TEXT NOT NULL PRIMARY KEY,
    domain TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
_ADDED = {"documents", "document_names", "upload_domains"}
_OF_NO_VERSION = {"journal", *_ADDED}

STEPS = (_VERSION_1, _VERSION_2)
VERSION = len(STEPS)

# What takes a version back to the one before. Nothing lies before the first.
UNDO = {
    2: """
DROP TABLE uploads;
DROP TABLE upload_chunks;
DROP TABLE upload_ranges;
DROP TABLE chunks;
DROP TABLE condemned_chunks;
""",
}


def prepare(connection: sqlite3.Connection) -> bool:
    """Give an empty file its tables, and any file those of documents; return True when the file was empty.

    Of several processes one does it. Raises SchemaMismatch for data of another schema, StorageUnavailable for a file
    of another program.
    """
    if found_version(connection) == VERSION and _has_added_tables(connection):
        return False
    connection.execute("BEGIN IMMEDIATE")
    found, tables = found_version(connection), found_tables(connection)
    _refuse_others(tables)
    is_empty = found == 0 and not tables
    if is_empty:
        change(connection, VERSION)
    elif found != VERSION:
        raise SchemaMismatch("sqlite", found=str(found or ""), known=str(VERSION))
    add_document_tables(connection)
    connection.execute("COMMIT")
    return is_empty


def change(connection: sqlite3.Connection, version: int) -> None:
    """Migrate the database to a version, 0 for no mark, in the transaction under way."""
    found = found_version(connection)
    if not 0 <= version <= VERSION or found > VERSION:
        raise SchemaMismatch("sqlite", found=str(max(found, version)), known=str(VERSION))
    _refuse_others(tables := found_tables(connection))
    if found == 0 and not tables:
        _run(connection, STEPS[:version])
    elif found > 0 and version > 0:
        _run(connection, STEPS[found:version])
        _run(connection, [UNDO[each] for each in range(found, version, -1)])
    connection.execute(f"PRAGMA user_version = {version}")


def add_document_tables(connection: sqlite3.Connection) -> None:
    """Add the tables and indexes of documents that are missing, in the transaction under way."""
    _run(connection, [_DOCUMENTS.replace("TABLE", "TABLE IF NOT EXISTS").replace("INDEX", "INDEX IF NOT EXISTS")])


def _has_added_tables(connection: sqlite3.Connection) -> bool:
    return {name for kind, name in _definitions(connection) if kind == "table"} >= _ADDED


def document_faults(connection: sqlite3.Connection) -> list[str]:
    """Return the differences from the tables and indexes of documents."""
    return _differences(connection, [_DOCUMENTS])


def faults(connection: sqlite3.Connection) -> list[str]:
    """Return the differences from a new database of the version found."""
    return _differences(connection, STEPS[: found_version(connection)])


def _differences(connection: sqlite3.Connection, steps: Sequence[str]) -> list[str]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        _run(model, steps)
        wanted, there = _definitions(model), _definitions(connection)
    missing = [f"{kind} {name} is missing" for kind, name in sorted(wanted.keys() - there.keys())]
    return missing + [
        f"{kind} {name} is not as it should be"
        for kind, name in sorted(wanted.keys() & there.keys())
        if wanted[kind, name] != there[kind, name]
    ]


def _refuse_others(tables: set[str]) -> None:
    if tables and "files" not in tables:
        raise StorageUnavailable("the database contains tables of another program")


def found_version(connection: sqlite3.Connection) -> int:
    """Return the version in the mark of the file, 0 for none."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def found_tables(connection: sqlite3.Connection) -> set[str]:
    """Return the tables of the file that belong to a version."""
    return {name for kind, name in _definitions(connection) if kind == "table"} - _OF_NO_VERSION


def _definitions(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return {(kind, name): " ".join(sql.split()) for kind, name, sql in rows if not name.startswith("sqlite_")}


def _run(connection: sqlite3.Connection, steps: Sequence[str]) -> None:
    for statement in filter(None, (part.strip() for step in steps for part in step.split(";"))):
        connection.execute(statement)
