"""Documents: two tables of their own, see ``schema``. The digest is summed up from indexed columns when asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from storage_adapters.codec import DIGEST_BUCKETS
from storage_adapters.errors import NameTaken
from storage_adapters.metadata.document_rules import DocumentRules, Held, Move
from storage_adapters.metadata.sqlite import feed, schema
from storage_adapters.metadata.sqlite.connections import Connections
from storage_adapters.ports.digest import DigestBucket
from storage_adapters.ports.document_codec import document_bucket, document_from_text, document_halves, document_to_text
from storage_adapters.ports.documents import Document, DocumentKey, DocumentQuery

_ONE = "collection = ? AND document_id = ?"


class SqliteDocuments(DocumentRules):
    """The part of the SQLite store that keeps documents; each batch of moves is one transaction."""

    _connections: Connections

    def document_digest(self) -> list[DigestBucket]:
        """See ``SupportsDocuments``."""
        digest = [DigestBucket()] * DIGEST_BUCKETS
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT bucket, count(*), sum(high), sum(low) FROM documents WHERE NOT deleted GROUP BY bucket"
            ).fetchall()
        for bucket, files, high, low in rows:
            digest[bucket] = DigestBucket(files=files, high=high, low=low)
        return digest

    def bucket_documents(self, bucket: int) -> Iterator[Document]:
        """See ``SupportsDocuments``."""
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT document FROM documents WHERE bucket = ? AND NOT deleted", (bucket,)
            ).fetchall()
        yield from (document_from_text(text) for (text,) in rows)

    def document_faults(self) -> list[str]:
        """See ``SupportsDocuments``."""
        with self._connections.reading() as connection:
            return schema.document_faults(connection)

    def prepare_documents(self) -> None:
        """See ``SupportsDocuments``."""
        with self._connections.writing() as connection:
            schema.add_document_tables(connection)

    def withdraw_document_changes(self) -> int:
        """See ``SupportsDocuments``."""
        with self._connections.writing() as connection:
            return feed.withdraw_document_changes(connection)

    def _held_documents(self, keys: Sequence[DocumentKey]) -> list[Held]:
        with self._connections.snapshot() as connection:
            texts = [_text(connection, key) for key in keys]
        return [Held(None if text is None else document_from_text(text), text) for text in texts]

    def _move_documents(self, moves: Sequence[Move]) -> list[bool]:
        with self._connections.writing() as connection:
            return [_move(connection, move) for move in moves]

    def _listed_documents(self, query: DocumentQuery, limit: int) -> list[Document]:
        first, end = query.bounds
        conditions, values = ["collection = ?", "sort >= ?"], [query.collection, first]
        if end is not None:
            conditions.append("sort < ?")
            values.append(end)
        if query.after is not None:
            conditions.append(f"(sort, document_id) {'<' if query.descending else '>'} (?, ?)")
            values += query.after
        direction = "DESC" if query.descending else "ASC"
        with self._connections.reading() as connection:
            rows = connection.execute(
                f"SELECT document FROM documents WHERE NOT deleted AND {' AND '.join(conditions)}"  # noqa: S608 - our own words
                f" ORDER BY sort {direction}, document_id {direction} LIMIT ?",
                (*values, limit),
            ).fetchall()
        return [document_from_text(text) for (text,) in rows]

    def _name_holders(self, collection: str, name: str) -> list[str]:
        with self._connections.reading() as connection:
            return _holders(connection, collection, name)

    def _due_documents(self, now: int, limit: int, *, deleted: bool) -> list[DocumentKey]:
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT collection, document_id FROM documents WHERE deleted = ? AND due <= ? ORDER BY due LIMIT ?",
                (deleted, now, limit),
            ).fetchall()
        return [DocumentKey(*row) for row in rows]


def _text(connection: sqlite3.Connection, key: DocumentKey) -> bytes | None:
    row = connection.execute(f"SELECT document FROM documents WHERE {_ONE}", key).fetchone()  # noqa: S608 - no value in it
    return None if row is None else row[0]


def _holders(connection: sqlite3.Connection, collection: str, name: str) -> list[str]:
    rows = connection.execute(
        "SELECT document_id FROM document_names WHERE collection = ? AND name = ?", (collection, name)
    ).fetchall()
    return [document_id for (document_id,) in rows]


def _move(connection: sqlite3.Connection, move: Move) -> bool:
    if _text(connection, move.key) != move.held.token:
        return False
    _move_names(connection, move)
    if move.new is None:
        connection.execute(f"DELETE FROM documents WHERE {_ONE}", move.key)  # noqa: S608 - no value in it
        return True
    text = document_to_text(move.new)
    connection.execute(
        "INSERT OR REPLACE INTO documents (collection, document_id, sort, deleted, due, bucket, high, low, document)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *move.key,
            move.new.order,
            move.new.deleted,
            move.new.expires_at,
            document_bucket(move.key),
            *document_halves(text),
            text,
        ),
    )
    if move.announced:
        feed.append_document(connection, move.new, text)
    return True


def _move_names(connection: sqlite3.Connection, move: Move) -> None:
    before, after = (set(each.names) if each else set() for each in (move.before, move.after))
    collection, document_id = move.key
    connection.executemany(
        "DELETE FROM document_names WHERE collection = ? AND name = ? AND document_id = ?",
        [(collection, name, document_id) for name in before - after],
    )
    for name in sorted(after - before):
        others = _holders(connection, collection, name)
        if move.announced and others:
            raise NameTaken("name", name, others[0])
        connection.execute("INSERT INTO document_names VALUES (?, ?, ?)", (collection, name, document_id))
