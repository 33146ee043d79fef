"""Migrations of the SQLite store: the schema, the journal, a scan, and rebuilding.

Each call is one short transaction, so that writers wait for a batch at most.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import orjson

from storage_adapters.codec import DIGEST_BUCKETS, record_from_document, record_to_document, tombstone_from_document
from storage_adapters.errors import SchemaMismatch
from storage_adapters.metadata.sqlite import feed, schema
from storage_adapters.metadata.sqlite.connections import Connections
from storage_adapters.metadata.sqlite.indexes import ListingRow, listing_rows, names_of
from storage_adapters.metadata.sqlite.usage import add_usage, read_usage
from storage_adapters.ports.digest import DigestBucket
from storage_adapters.ports.schemas import Counted, Schema, SupportsRebuilding
from storage_adapters.records import FileRecord, Tombstone
from storage_adapters.unicode_text import UNICODE_VERSION
from storage_adapters.usage import Usage

_JOURNAL = (
    "CREATE TABLE IF NOT EXISTS journal (name TEXT NOT NULL PRIMARY KEY, document BLOB NOT NULL) STRICT, WITHOUT ROWID"
)
_ONE_LISTING = "scope = ? AND field = ? AND missing = ? AND value = ? AND file_id = ?"
_ONE_OF = "file_id IN (SELECT value FROM json_each(?))"
_ONE_NAME = "owner = ? AND kind = ? AND name = ?"


class SqliteMigrations(SupportsRebuilding):
    """The part of the store that migrations use."""

    _connections: Connections

    def schema(self) -> Schema:
        """See ``SupportsMigrations``."""
        if not self._connections.exists:
            return Schema(found="", known=str(schema.VERSION), empty=True, unicode=UNICODE_VERSION)
        with self._connections.snapshot() as connection:
            found, tables = schema.found_version(connection), schema.found_tables(connection)
        empty = not found and not tables
        return Schema(
            found=str(found or ""),
            known=str(schema.VERSION),
            empty=empty,
            unicode=UNICODE_VERSION if empty else self.unicode_version(),
        )

    def change_schema(self, mark: str) -> None:
        """See ``SupportsMigrations``."""
        if not (mark or "0").isdigit():
            raise SchemaMismatch("sqlite", found=mark, known=str(schema.VERSION))
        self._connections.make()
        with self._connections.writing() as connection:
            schema.change(connection, int(mark or 0))

    def schema_faults(self) -> list[str]:
        """See ``SupportsMigrations``."""
        with self._connections.reading() as connection:
            return schema.faults(connection)

    def read_journal(self, name: str) -> bytes | None:
        """See ``SupportsMigrations``."""
        if not self._connections.exists:
            return None
        with self._connections.reading() as connection:
            there = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'journal'").fetchone()
            return _document(connection, name) if there else None

    def write_journal(self, name: str, *, expected: bytes | None, document: bytes) -> bool:
        """See ``SupportsMigrations``."""
        with self._connections.writing() as connection:
            connection.execute(_JOURNAL)
            if _document(connection, name) != expected:
                return False
            connection.execute("INSERT OR REPLACE INTO journal (name, document) VALUES (?, ?)", (name, document))
            return True

    def scan(self, *, after: str, limit: int) -> tuple[list[FileRecord], str]:
        """See ``SupportsMigrations``."""
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT document FROM files WHERE file_id > ? ORDER BY file_id LIMIT ?", (after, limit)
            ).fetchall()
        records = [record_from_document(document) for (document,) in rows]
        return records, records[-1].file_id if len(records) == limit else ""

    def stored(self, file_ids: Sequence[str]) -> list[FileRecord | Tombstone | None]:
        """See ``SupportsMigrations``."""
        wanted = orjson.dumps(list(file_ids)).decode()
        with self._connections.snapshot() as connection:
            files = dict(connection.execute(f"SELECT file_id, document FROM files WHERE {_ONE_OF}", (wanted,)))  # noqa: S608
            deleted = dict(connection.execute(f"SELECT file_id, document FROM tombstones WHERE {_ONE_OF}", (wanted,)))  # noqa: S608
        return [
            record_from_document(files[file_id])
            if file_id in files
            else tombstone_from_document(deleted[file_id])
            if file_id in deleted
            else None
            for file_id in file_ids
        ]

    def count_index(self, records: Sequence[FileRecord], fields: Iterable[str]) -> tuple[int, int]:
        """See ``SupportsRebuilding``."""
        numbers = _numbers(fields)
        missing = held = 0
        with self._connections.snapshot() as connection:
            for record in records:
                if _is_stored(connection, record):
                    for row in _wanted(record, numbers):
                        is_there = _exists(connection, "listing", _ONE_LISTING, row)
                        missing, held = missing + (not is_there), held + is_there
                    for name in names_of(record):
                        missing += not _exists(connection, "names", _ONE_NAME, name)
                        held += _exists(connection, "names", f"{_ONE_NAME} AND file_id = ?", (*name, record.file_id))
        return missing, held

    def count_entries(self, *, after: str, limit: int) -> tuple[int, str]:
        """See ``SupportsRebuilding``."""
        with self._connections.snapshot() as connection:
            counts = "SELECT (SELECT count(*) FROM listing) + (SELECT count(*) FROM names)"
            return int(connection.execute(counts).fetchone()[0]), ""

    def index(self, records: Sequence[FileRecord], fields: Iterable[str]) -> int:
        """See ``SupportsRebuilding``."""
        numbers = _numbers(fields)
        with self._connections.writing() as connection:
            before = connection.total_changes
            for record in records:
                if _is_stored(connection, record):
                    connection.executemany(
                        "INSERT OR IGNORE INTO listing (scope, field, missing, value, file_id) VALUES (?, ?, ?, ?, ?)",
                        _wanted(record, numbers),
                    )
                    connection.executemany(
                        "INSERT OR IGNORE INTO names (owner, kind, name, file_id) VALUES (?, ?, ?, ?)",
                        [(*name, record.file_id) for name in names_of(record)],
                    )
            return connection.total_changes - before

    def strays(self, *, after: str, limit: int, fields: Iterable[str], remove: bool) -> tuple[int, str]:
        """See ``SupportsRebuilding``."""
        kind, *place = orjson.loads(after) if after else ["listing"]
        lend = self._connections.writing if remove else self._connections.snapshot
        with lend() as connection:
            if kind == "names":
                return _stray_names(connection, place, limit, remove=remove)
            return _stray_places(connection, place, limit, _numbers(fields), remove=remove)

    def counted(self, owners: Sequence[str | None]) -> Counted:
        """See ``SupportsRebuilding``."""
        with self._connections.snapshot() as connection:
            return Counted(
                sequence=feed.last_sequence(connection),
                usages=[read_usage(connection, owner) for owner in owners],
                digest=read_digest(connection),
            )

    def counted_owners(self, *, after: str, limit: int) -> tuple[list[str], str]:
        """See ``SupportsRebuilding``."""
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT DISTINCT scope FROM usage WHERE scope > ? AND scope LIKE '%:%' ORDER BY scope LIMIT ?",
                (after, limit),
            ).fetchall()
        scopes = [scope for (scope,) in rows]
        return [scope.partition(":")[2] for scope in scopes], scopes[-1] if len(scopes) == limit else ""

    def correct_usage(self, owner: str | None, difference: Usage) -> None:
        """See ``SupportsRebuilding``."""
        with self._connections.writing() as connection:
            add_usage(connection, owner, difference)

    def correct_digest(self, bucket: int, difference: DigestBucket) -> None:
        """See ``SupportsRebuilding``."""
        with self._connections.writing() as connection:
            connection.execute(
                "INSERT INTO digest (bucket, files, high, low) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " files = files + excluded.files, high = high + excluded.high, low = low + excluded.low",
                (bucket, difference.files, difference.high, difference.low),
            )

    def forget_checkpoint(self, consumer: str) -> None:
        """See ``SupportsRebuilding``."""
        with self._connections.writing() as connection:
            connection.execute("DELETE FROM checkpoints WHERE consumer = ?", (consumer,))


def read_digest(connection: sqlite3.Connection) -> list[DigestBucket]:
    """Read the sums of all buckets."""
    buckets = [DigestBucket()] * DIGEST_BUCKETS
    for bucket, files, high, low in connection.execute("SELECT bucket, files, high, low FROM digest").fetchall():
        buckets[bucket] = DigestBucket(files=files, high=high, low=low)
    return buckets


def _document(connection: sqlite3.Connection, name: str) -> bytes | None:
    row = connection.execute("SELECT document FROM journal WHERE name = ?", (name,)).fetchone()
    return None if row is None else bytes(row[0])


def _numbers(fields: Iterable[str]) -> set[int]:
    return {schema.FIELD_NUMBERS[field] for field in fields}


def _wanted(record: FileRecord, numbers: set[int]) -> list[ListingRow]:
    return [row for row in listing_rows(record) if row[1] in numbers]


def _is_stored(connection: sqlite3.Connection, record: FileRecord) -> bool:
    row = connection.execute("SELECT document FROM files WHERE file_id = ?", (record.file_id,)).fetchone()
    return row is not None and row[0] == record_to_document(record)


def _exists(connection: sqlite3.Connection, table: str, condition: str, values: Sequence[object]) -> bool:
    found = connection.execute(f"SELECT 1 FROM {table} WHERE {condition}", values)  # noqa: S608 - our own words
    return found.fetchone() is not None


def _stray_places(
    connection: sqlite3.Connection, place: list[object], limit: int, numbers: set[int], *, remove: bool
) -> tuple[int, str]:
    behind = " WHERE (scope, field, missing, value, file_id) > (?, ?, ?, ?, ?)" if place else ""
    rows = connection.execute(
        "SELECT scope, field, missing, value, file_id, document FROM"  # noqa: S608 - no value in it
        f" (SELECT * FROM listing{behind} ORDER BY scope, field, missing, value, file_id LIMIT ?)"
        " LEFT JOIN files USING (file_id) ORDER BY scope, field, missing, value, file_id",
        (*place, limit),
    ).fetchall()
    rowsets: dict[str, set[ListingRow]] = {}
    strays = []
    for *row, document in rows:
        file_id = row[-1]
        if file_id not in rowsets:
            record = None if document is None else record_from_document(document)
            rowsets[file_id] = {each for each in listing_rows(record) if each[1] in numbers}
        if tuple(row) not in rowsets[file_id]:
            strays.append(row)
    if remove:
        connection.executemany(f"DELETE FROM listing WHERE {_ONE_LISTING}", strays)  # noqa: S608 - no value in it
    place = ["listing", *rows[-1][:5]] if len(rows) == limit else ["names"]
    return len(strays), orjson.dumps(place).decode()


def _stray_names(connection: sqlite3.Connection, place: list[object], limit: int, *, remove: bool) -> tuple[int, str]:
    behind = " WHERE (owner, kind, name) > (?, ?, ?)" if place else ""
    rows = connection.execute(
        "SELECT owner, kind, name, document FROM"  # noqa: S608 - no value in it
        f" (SELECT * FROM names{behind} ORDER BY owner, kind, name LIMIT ?)"
        " LEFT JOIN files USING (file_id) ORDER BY owner, kind, name",
        (*place, limit),
    ).fetchall()
    strays = [
        (owner, kind, name)
        for owner, kind, name, document in rows
        # A claim that waits for a name stands under a kind of its own.
        if document is None or (owner, kind.partition("~")[0], name) not in names_of(record_from_document(document))
    ]
    if remove:
        connection.executemany(f"DELETE FROM names WHERE {_ONE_NAME}", strays)  # noqa: S608 - no value in it
    return len(strays), orjson.dumps(["names", *rows[-1][:3]]).decode() if len(rows) == limit else ""
