"""Replication of another store's files, one by one inside a transaction of the caller."""

from __future__ import annotations

import sqlite3

from storage_adapters.codec import (
    digest_bucket,
    record_from_document,
    tombstone_from_document,
    tombstone_to_document,
)
from storage_adapters.metadata.sqlite.indexes import Encoded, is_named, move_indexes
from storage_adapters.records import FileRecord, Tombstone

_SAVE_RECORD = (
    "INSERT INTO files (file_id, revision, bucket, document) VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET revision = excluded.revision, document = excluded.document"
)
_SAVE_TOMBSTONE = (
    "INSERT INTO tombstones (file_id, unclean, clean_after, document) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
    " SET unclean = excluded.unclean, clean_after = excluded.clean_after, document = excluded.document"
)


def store_copy(connection: sqlite3.Connection, copy: FileRecord | Tombstone, *, force: bool) -> bool:
    """Store a copy that is newer than the present state, or with ``force`` differs from it; return True when stored."""
    stored = _find(connection, copy.file_id)
    if stored is not None and (stored == copy if force else stored.revision >= copy.revision):
        return False
    old = Encoded.of(stored) if isinstance(stored, FileRecord) else None
    if isinstance(copy, FileRecord):
        new = Encoded.of(copy)
        connection.execute(_SAVE_RECORD, (copy.file_id, copy.revision, digest_bucket(copy.file_id), new.document))
        move_indexes(connection, old, new, take_over=True)
        if isinstance(stored, Tombstone):
            connection.execute("DELETE FROM tombstones WHERE file_id = ?", (copy.file_id,))
        return True
    if old is not None:
        _remove_record(connection, old)
    row = (copy.file_id, bool(copy.parts), copy.clean_after, tombstone_to_document(copy))
    connection.execute(_SAVE_TOMBSTONE, row)
    return True


def import_record(connection: sqlite3.Connection, record: FileRecord) -> bool:
    """Store a record of an unknown file whose names are free; return True when it was stored."""
    if _find(connection, record.file_id) is not None or is_named(connection, record):
        return False
    return store_copy(connection, record, force=False)


def remove_file(connection: sqlite3.Connection, file_id: str) -> bool:
    """Remove a record or a tombstone; return True when there was one."""
    stored = _find(connection, file_id)
    if isinstance(stored, FileRecord):
        _remove_record(connection, Encoded.of(stored))
    elif stored is not None:
        connection.execute("DELETE FROM tombstones WHERE file_id = ?", (file_id,))
    return stored is not None


def _find(connection: sqlite3.Connection, file_id: str) -> FileRecord | Tombstone | None:
    row = connection.execute("SELECT document FROM files WHERE file_id = ?", (file_id,)).fetchone()
    if row is not None:
        return record_from_document(row[0])
    row = connection.execute("SELECT document FROM tombstones WHERE file_id = ?", (file_id,)).fetchone()
    return None if row is None else tombstone_from_document(row[0])


def _remove_record(connection: sqlite3.Connection, old: Encoded) -> None:
    move_indexes(connection, old, None, take_over=True)
    connection.execute("DELETE FROM files WHERE file_id = ?", (old.record.file_id,))
