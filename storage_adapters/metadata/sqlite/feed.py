"""The change feed and its checkpoints: one row per write, numbered in the order of the commits.

In the row of a document ``deleted`` is 2, and ``document`` is the whole document or tombstone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from storage_adapters.codec import record_from_document
from storage_adapters.errors import CheckpointConflict
from storage_adapters.metadata.sqlite.indexes import Encoded
from storage_adapters.ports.document_codec import document_from_text
from storage_adapters.ports.documents import Document, DocumentChange
from storage_adapters.records import Change

_DOCUMENT = 2


def append_change(
    connection: sqlite3.Connection, written: Encoded, *, changed_at: int, event: str | None, deleted: bool
) -> None:
    """Add the entry of the write that is under way."""
    record, document = written
    connection.execute(
        "INSERT INTO changes (file_id, revision, deleted, event, changed_at, document) VALUES (?, ?, ?, ?, ?, ?)",
        (record.file_id, record.revision, deleted, event, changed_at, document),
    )


def append_document(connection: sqlite3.Connection, document: Document, text: bytes) -> None:
    """Add the entry of the write of a document that is under way."""
    connection.execute(
        "INSERT INTO changes (file_id, revision, deleted, changed_at, document) VALUES ('', ?, ?, ?, ?)",
        (document.revision, _DOCUMENT, document.updated_at, text),
    )


def withdraw_document_changes(connection: sqlite3.Connection) -> int:
    """Remove the entries of documents; return how many there were."""
    return connection.execute("DELETE FROM changes WHERE deleted = ?", (_DOCUMENT,)).rowcount


def read_changes(connection: sqlite3.Connection, *, after: str, limit: int) -> list[Change | DocumentChange]:
    """Read entries behind a sequence."""
    return [
        DocumentChange(sequence=str(row[0]), document=document_from_text(row[6]))
        if row[3] == _DOCUMENT
        else _change_of(row)
        for row in _rows(connection, after, limit)
    ]


def read_changes_of(
    connection: sqlite3.Connection, wanted: Callable[[str], bool], *, after: str, limit: int
) -> tuple[list[Change], str, int]:
    """Read the next entries for those about wanted files; also return the last sequence and the number of all."""
    rows = _rows(connection, after, limit)
    found = [_change_of(row) for row in rows if row[3] != _DOCUMENT and wanted(row[1])]
    return found, str(rows[-1][0]) if rows else after, len(rows)


def _rows(connection: sqlite3.Connection, after: str, limit: int) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT sequence, file_id, revision, deleted, event, changed_at, document FROM changes"
        " WHERE sequence > ? ORDER BY sequence LIMIT ?",
        (int(after or 0), limit),
    ).fetchall()


def _change_of(row: tuple[Any, ...]) -> Change:
    sequence, file_id, revision, deleted, event, changed_at, document = row
    return Change(
        sequence=str(sequence),
        file_id=file_id,
        revision=revision,
        deleted=bool(deleted),
        event=event,
        record=record_from_document(document),
        changed_at=changed_at,
    )


def last_sequence(connection: sqlite3.Connection) -> str:
    """Read the newest number ever given, also when its entry was trimmed."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").fetchone()
    return str(row[0]) if row and row[0] else ""


def has_changes_behind(connection: sqlite3.Connection, sequence: str) -> bool:
    """Return True when the numbering came to a sequence and every entry behind it is there."""
    number, last = int(sequence or 0), int(last_sequence(connection) or 0)
    if number >= last:
        return number == last
    (oldest,) = connection.execute("SELECT min(sequence) FROM changes").fetchone()
    return oldest is not None and oldest <= number + 1


def read_checkpoint(connection: sqlite3.Connection, consumer: str) -> str:
    """Read the checkpoint of a consumer."""
    row = connection.execute("SELECT sequence FROM checkpoints WHERE consumer = ?", (consumer,)).fetchone()
    return row[0] if row else ""


def move_checkpoint(connection: sqlite3.Connection, consumer: str, *, expected: str, sequence: str) -> None:
    """Move a checkpoint that stands where it is expected."""
    if read_checkpoint(connection, consumer) != expected:
        raise CheckpointConflict(f"the checkpoint of {consumer} is not at {expected or 'its start'}")
    if not sequence:
        connection.execute("DELETE FROM checkpoints WHERE consumer = ?", (consumer,))
        return
    connection.execute(
        "INSERT INTO checkpoints (consumer, sequence) VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET sequence = excluded.sequence",
        (consumer, sequence),
    )


def trim_changes(connection: sqlite3.Connection, *, limit: int) -> int:
    """Drop the oldest entries that every checkpoint has passed."""
    return connection.execute(
        "DELETE FROM changes WHERE sequence IN (SELECT sequence FROM changes"
        " WHERE sequence <= (SELECT"
        " min(CASE WHEN sequence GLOB '*[^0-9]*' THEN 0 ELSE CAST(sequence AS INTEGER) END) FROM checkpoints)"
        " ORDER BY sequence LIMIT ?)",
        (limit,),
    ).rowcount
