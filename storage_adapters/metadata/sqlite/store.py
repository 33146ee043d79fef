"""Metadata in one SQLite file, in WAL mode: many threads and processes read while one writes.

*URL*: ``sqlite:///relative/path.db``, ``sqlite:////absolute/path.db``; the folder is made if it is missing. The file
must lie on a disk of this machine: WAL shares memory between processes.

*Durability*: ``synchronous=FULL``, every acknowledged write is on stable storage.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from storage_adapters.codec import (
    digest_bucket,
    record_from_document,
    record_to_document,
    tombstone_from_document,
    tombstone_to_document,
)
from storage_adapters.errors import RecordDeleted, RecordNotFound, RevisionConflict
from storage_adapters.metadata.sqlite.connections import Connections
from storage_adapters.metadata.sqlite.documents import SqliteDocuments
from storage_adapters.metadata.sqlite.feed import SqliteFeed, append_change
from storage_adapters.metadata.sqlite.indexes import Encoded, move_indexes
from storage_adapters.metadata.sqlite.listing import find_page
from storage_adapters.metadata.sqlite.location import path_of
from storage_adapters.metadata.sqlite.migration import SqliteMigrations, read_digest
from storage_adapters.metadata.sqlite.replication import import_record, remove_file, store_copy
from storage_adapters.metadata.sqlite.schema import prepare
from storage_adapters.metadata.sqlite.uploads import SqliteUploads
from storage_adapters.metadata.sqlite.usage import read_usage
from storage_adapters.ports.digest import DigestBucket, SupportsDigest
from storage_adapters.ports.identity import NotesInJournal
from storage_adapters.ports.metadata import MetadataStore, SupportsLeases, SupportsReplication
from storage_adapters.ports.schemas import SupportsBulkImport
from storage_adapters.query import ListQuery, Page
from storage_adapters.records import FileRecord, Tombstone
from storage_adapters.usage import Usage


class SqliteMetadataStore(
    SqliteMigrations,
    NotesInJournal,
    SqliteUploads,
    SqliteDocuments,
    SqliteFeed,
    MetadataStore,
    SupportsBulkImport,
    SupportsDigest,
    SupportsLeases,
    SupportsReplication,
):
    """One transaction per write; indexes, counters, digest and feed are tables beside the documents."""

    def __init__(self, path: Path, *, any_schema: bool = False) -> None:
        self._connections = Connections(path, making=not any_schema)
        if any_schema and not self._connections.exists:
            return
        try:
            self._connections.make()
            with self._connections.reading() as connection:
                is_new = not any_schema and prepare(connection)
            if is_new:
                self.mark_new()
                self.identity(make=True)
        except BaseException:
            self.close()
            raise

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Open the database of a URL; create it when it does not exist."""
        return cls(path_of(url))

    @classmethod
    def from_url_of_any_schema(cls, url: str) -> Self:
        """See ``SupportsMigrations``."""
        return cls(path_of(url), any_schema=True)

    def get(self, file_id: str) -> FileRecord:
        """See ``MetadataStore``."""
        with self._connections.reading() as connection:
            row = connection.execute("SELECT document FROM files WHERE file_id = ?", (file_id,)).fetchone()
            if row is None:
                row = connection.execute("SELECT document FROM tombstones WHERE file_id = ?", (file_id,)).fetchone()
                if row is not None:
                    raise RecordDeleted(tombstone_from_document(row[0]))
                raise RecordNotFound(f"no file {file_id}")
        return record_from_document(row[0])

    def save(
        self,
        record: FileRecord,
        *,
        expected_revision: int,
        changed_at: int,
        event: str | None,
        before: FileRecord | None = None,
    ) -> FileRecord:
        """See ``MetadataStore``."""
        new = Encoded.of(replace(record, revision=expected_revision + 1))
        with self._connections.writing() as connection:
            old = _load(connection, record.file_id, expected_revision, before)
            connection.execute(
                "INSERT INTO files (file_id, revision, bucket, document) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET revision = excluded.revision, document = excluded.document",
                (record.file_id, new.record.revision, digest_bucket(record.file_id), new.document),
            )
            move_indexes(connection, old, new)
            append_change(connection, new, changed_at=changed_at, event=event, deleted=False)
        return new.record

    def delete(
        self,
        file_id: str,
        *,
        expected_revision: int,
        deleted_at: int,
        event: str | None,
        clean_after: int | None,
        before: FileRecord | None = None,
    ) -> Tombstone:
        """See ``MetadataStore``."""
        with self._connections.writing() as connection:
            old = _load(connection, file_id, expected_revision, before)
            if old is None:
                raise RevisionConflict(f"there is no file {file_id}")
            last = replace(old.record, revision=expected_revision + 1)
            tombstone = Tombstone.of(last, deleted_at=deleted_at, clean_after=clean_after)
            move_indexes(connection, old, None)
            connection.execute("DELETE FROM files WHERE file_id = ?", (file_id,))
            connection.execute(
                "INSERT INTO tombstones (file_id, unclean, clean_after, document) VALUES (?, ?, ?, ?)",
                (file_id, bool(tombstone.parts), tombstone.clean_after, tombstone_to_document(tombstone)),
            )
            append_change(connection, Encoded.of(last), changed_at=deleted_at, event=event, deleted=True)
        return tombstone

    def find(self, query: ListQuery) -> Page:
        """See ``MetadataStore``."""
        self.require_order(query.order_by)
        with self._connections.snapshot() as connection:
            return find_page(connection, query)

    def usage(self, owner: str | None) -> Usage:
        """See ``MetadataStore``."""
        with self._connections.reading() as connection:
            return read_usage(connection, owner)

    def resolve(self, owner: str, kind: str, names: Sequence[str]) -> list[str | None]:
        """See ``MetadataStore``."""
        sql = "SELECT file_id FROM names WHERE owner = ? AND kind = ? AND name = ?"
        with self._connections.snapshot() as connection:
            rows = [connection.execute(sql, (owner, kind, name)).fetchone() for name in names]
        return [row and row[0] for row in rows]

    def unclean(self, *, now: int, limit: int, after: str = "") -> list[Tombstone]:
        """See ``MetadataStore``."""
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT document FROM tombstones WHERE unclean AND file_id > ? AND clean_after <= ?"
                " ORDER BY file_id LIMIT ?",
                (after, now, limit),
            ).fetchall()
        return [tombstone_from_document(document) for (document,) in rows]

    def mark_clean(self, file_id: str) -> None:
        """See ``MetadataStore``."""
        with self._connections.writing() as connection:
            row = connection.execute(
                "SELECT document FROM tombstones WHERE file_id = ? AND unclean", (file_id,)
            ).fetchone()
            if row is not None:
                document = tombstone_to_document(replace(tombstone_from_document(row[0]), parts=()))
                connection.execute(
                    "UPDATE tombstones SET unclean = 0, document = ? WHERE file_id = ?", (document, file_id)
                )

    def ping(self) -> None:
        """See ``MetadataStore``."""
        with self._connections.reading() as connection:
            connection.execute("SELECT count(*) FROM checkpoints").fetchone()
        self._connections.require_writable()

    def close(self) -> None:
        """See ``MetadataStore``."""
        self._connections.close()

    def digest(self) -> list[DigestBucket]:
        """See ``SupportsDigest``."""
        with self._connections.reading() as connection:
            return read_digest(connection)

    def bucket_digest(self, bucket: int) -> DigestBucket:
        """See ``SupportsDigest``."""
        with self._connections.reading() as connection:
            sums = connection.execute("SELECT files, high, low FROM digest WHERE bucket = ?", (bucket,)).fetchone()
        return DigestBucket() if sums is None else DigestBucket(files=sums[0], high=sums[1], low=sums[2])

    def bucket_revisions(self, bucket: int) -> dict[str, int]:
        """See ``SupportsDigest``."""
        with self._connections.reading() as connection:
            return dict(
                connection.execute("SELECT file_id, revision FROM files WHERE bucket = ?", (bucket,)).fetchall()
            )

    def bucket_records(self, bucket: int) -> Iterator[FileRecord]:
        """See ``SupportsDigest``."""
        with self._connections.reading() as connection:
            rows = connection.execute("SELECT document FROM files WHERE bucket = ?", (bucket,)).fetchall()
        yield from (record_from_document(document) for (document,) in rows)

    def replicate(self, copies: Sequence[FileRecord | Tombstone], *, force: bool = False) -> list[bool]:
        """See ``SupportsReplication``."""
        with self._connections.writing() as connection:
            return [store_copy(connection, copy, force=force) for copy in copies]

    def discard(self, file_ids: Sequence[str]) -> int:
        """See ``SupportsReplication``."""
        with self._connections.writing() as connection:
            return sum([remove_file(connection, file_id) for file_id in file_ids])

    def import_files(self, records: Sequence[FileRecord]) -> list[bool]:
        """See ``SupportsBulkImport``."""
        with self._connections.writing() as connection:
            return [import_record(connection, record) for record in records]

    def acquire_lease(self, name: str, *, holder: str, now: int, until: int) -> bool:
        """See ``SupportsLeases``."""
        return self.acquire_leases([name], holder=holder, now=now, until=until)[0]

    def acquire_leases(self, names: Sequence[str], *, holder: str, now: int, until: int) -> list[bool]:
        """See ``SupportsLeases``: in one transaction, so that idle workers seldom wake the disk."""
        with self._connections.writing() as connection:
            found = [
                connection.execute(
                    "INSERT INTO leases (name, holder, until) VALUES (:name, :holder, :until) ON CONFLICT DO UPDATE"
                    " SET until = excluded.until, holder = iif(until > :now, holder, excluded.holder)"
                    " WHERE holder = excluded.holder OR until <= :now OR until > excluded.until"
                    " RETURNING holder",
                    {"name": name, "holder": holder, "now": now, "until": until},
                ).fetchone()
                for name in names
            ]
        return [current is not None and bool(current[0] == holder) for current in found]

    def release_lease(self, name: str, *, holder: str) -> None:
        """See ``SupportsLeases``."""
        with self._connections.writing() as connection:
            connection.execute("DELETE FROM leases WHERE name = ? AND holder = ?", (name, holder))

    def lease_holders(self, names: Sequence[str], *, now: int) -> list[str]:
        """See ``SupportsLeases``."""
        with self._connections.reading() as connection:
            held = dict(connection.execute("SELECT name, holder FROM leases WHERE until > ?", (now,)).fetchall())
        return [held.get(name, "") for name in names]


def _load(
    connection: sqlite3.Connection, file_id: str, expected_revision: int, before: FileRecord | None
) -> Encoded | None:
    """Read the record that is about to change, None before the first save; ``before`` saves decoding it."""
    row = connection.execute("SELECT revision, document FROM files WHERE file_id = ?", (file_id,)).fetchone()
    if row is None and connection.execute("SELECT 1 FROM tombstones WHERE file_id = ?", (file_id,)).fetchone():
        raise RevisionConflict(f"file {file_id} was deleted")
    stored = row[0] if row else 0
    if stored != expected_revision:
        raise RevisionConflict(f"file {file_id} is at revision {stored}, not {expected_revision}")
    if row is None:
        return None
    is_known = before is not None and record_to_document(before) == row[1]
    return Encoded(before if before is not None and is_known else record_from_document(row[1]), row[1])
