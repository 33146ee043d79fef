"""The change feed and its checkpoints: one row per write, numbered in the order of the commits.

In the row of a document ``deleted`` is 2, and ``document`` is the whole document or tombstone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from storage_adapters.codec import record_from_document
from storage_adapters.errors import CheckpointConflict
from storage_adapters.metadata.sqlite.connections import Connections
from storage_adapters.metadata.sqlite.indexes import Encoded
from storage_adapters.ports.document_codec import document_from_text
from storage_adapters.ports.documents import Document, DocumentChange
from storage_adapters.ports.metadata import SupportsChanges
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


def last_sequence(connection: sqlite3.Connection) -> str:
    """Read the newest number ever given, also when its entry was trimmed."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").fetchone()
    return str(row[0]) if row and row[0] else ""


class SqliteFeed(SupportsChanges):
    """The part of the SQLite store that is read by consumers of the feed."""

    _connections: Connections

    def changes(self, *, after: str, limit: int) -> list[Change | DocumentChange]:
        """See ``SupportsChanges``."""
        return [
            DocumentChange(sequence=str(row[0]), document=document_from_text(row[6]))
            if row[3] == _DOCUMENT
            else _change_of(row)
            for row in self._rows(after, limit)
        ]

    def changes_of(self, wanted: Callable[[str], bool], *, after: str, limit: int) -> tuple[list[Change], str, int]:
        """See ``SupportsChanges``."""
        rows = self._rows(after, limit)
        found = [_change_of(row) for row in rows if row[3] != _DOCUMENT and wanted(row[1])]
        return found, str(rows[-1][0]) if rows else after, len(rows)

    def _rows(self, after: str, limit: int) -> list[tuple[Any, ...]]:
        with self._connections.reading() as connection:
            return connection.execute(
                "SELECT sequence, file_id, revision, deleted, event, changed_at, document FROM changes"
                " WHERE sequence > ? ORDER BY sequence LIMIT ?",
                (int(after or 0), limit),
            ).fetchall()

    def last_sequence(self) -> str:
        """See ``SupportsChanges``."""
        with self._connections.reading() as connection:
            return last_sequence(connection)

    def has_changes_behind(self, sequence: str) -> bool:
        """See ``SupportsChanges``."""
        with self._connections.snapshot() as connection:
            number, last = int(sequence or 0), int(last_sequence(connection) or 0)
            if number >= last:
                return number == last
            (oldest,) = connection.execute("SELECT min(sequence) FROM changes").fetchone()
            return oldest is not None and oldest <= number + 1

    def checkpoint(self, consumer: str) -> str:
        """See ``SupportsChanges``."""
        return self.checkpoints([consumer])[0]

    def checkpoints(self, consumers: Sequence[str]) -> list[str]:
        """See ``SupportsChanges``."""
        with self._connections.reading() as connection:
            return [_checkpoint_of(connection, consumer) for consumer in consumers]

    def move_checkpoint(self, consumer: str, *, expected: str, sequence: str) -> None:
        """See ``SupportsChanges``."""
        with self._connections.writing() as connection:
            if _checkpoint_of(connection, consumer) != expected:
                raise CheckpointConflict(f"the checkpoint of {consumer} is not at {expected or 'its start'}")
            if not sequence:
                connection.execute("DELETE FROM checkpoints WHERE consumer = ?", (consumer,))
                return
            connection.execute(
                "INSERT INTO checkpoints (consumer, sequence) VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET sequence = excluded.sequence",
                (consumer, sequence),
            )

    def trim_changes(self, *, limit: int) -> int:
        """See ``SupportsChanges``."""
        with self._connections.writing() as connection:
            return connection.execute(
                "DELETE FROM changes WHERE sequence IN (SELECT sequence FROM changes"
                " WHERE sequence <= (SELECT"
                " min(CASE WHEN sequence GLOB '*[^0-9]*' THEN 0 ELSE CAST(sequence AS INTEGER) END) FROM checkpoints)"
                " ORDER BY sequence LIMIT ?)",
                (limit,),
            ).rowcount


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


def _checkpoint_of(connection: sqlite3.Connection, consumer: str) -> str:
    row = connection.execute("SELECT sequence FROM checkpoints WHERE consumer = ?", (consumer,)).fetchone()
    return row[0] if row else ""
