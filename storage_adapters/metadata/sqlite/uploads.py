"""Uploads and their chunks: tables beside those of the records, see ``schema``."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from storage_adapters.errors import ChunkGone, UploadConflict, UploadNotFound
from storage_adapters.metadata.sqlite.connections import Connections
from storage_adapters.ports.uploads import (
    Chunk,
    ChunkReservation,
    GarbageChunk,
    SupportsUploads,
    Upload,
    UploadStatus,
    new_token,
)

_COLUMNS = (
    "upload_id, owner, created_at, expires_at, size, chunk_size, status, received, chunks, sealed_at, sha256, md5, "
    "details, (SELECT u_end FROM upload_ranges AS r WHERE r.upload_id = uploads.upload_id AND u_start = 0), "
    "(SELECT domain FROM upload_domains AS d WHERE d.upload_id = uploads.upload_id)"
)
_DELETED_AT_ONCE = 500
_BEING_DELETED = "SELECT 1 FROM uploads WHERE upload_id = ? AND status = 'deleting'"


class SqliteUploads(SupportsUploads):
    """The part of the SQLite store that keeps uploads; one transaction per call."""

    _connections: Connections

    def create_upload(self, upload: Upload) -> Upload:
        """See ``SupportsUploads``."""
        with self._connections.writing() as connection:
            made = connection.execute(
                "INSERT INTO uploads (upload_id, owner, created_at, expires_at, size, chunk_size, status, details)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    upload.upload_id,
                    upload.owner,
                    upload.created_at,
                    upload.expires_at,
                    upload.size,
                    upload.chunk_size,
                    UploadStatus.OPEN.value,
                    orjson.dumps(dict(upload.details)),
                ),
            )
            if made.rowcount == 1 and upload.chunk_domain:
                domain = (upload.upload_id, upload.chunk_domain)
                connection.execute("INSERT OR REPLACE INTO upload_domains VALUES (?, ?)", domain)
            return _load(connection, upload.upload_id)

    def get_upload(self, upload_id: str) -> Upload:
        """See ``SupportsUploads``."""
        with self._connections.reading() as connection:
            return _load(connection, upload_id)

    def open_uploads(self, owner: str, *, limit: int) -> list[Upload]:
        """See ``SupportsUploads``."""
        sql = f"SELECT {_COLUMNS} FROM uploads WHERE owner = ? AND status = 'open' LIMIT ?"  # noqa: S608 - constants
        with self._connections.reading() as connection:
            return [_upload(row) for row in connection.execute(sql, (owner, limit)).fetchall()]

    def set_size(self, upload_id: str, size: int) -> Upload:
        """See ``SupportsUploads``."""
        with self._connections.writing() as connection:
            upload = _load(connection, upload_id)
            end = connection.execute(
                "SELECT max(u_end) FROM upload_ranges WHERE upload_id = ?", (upload_id,)
            ).fetchone()[0]
            if upload.size not in (None, size) or (end or 0) > size:
                raise UploadConflict(f"the upload is not of {size} bytes")
            connection.execute("UPDATE uploads SET size = ? WHERE upload_id = ?", (size, upload_id))
            return _load(connection, upload_id)

    def annotate(self, upload_id: str, details: Mapping[str, Any]) -> Upload:
        """See ``SupportsUploads``."""
        with self._connections.writing() as connection:
            merged = orjson.dumps({**_load(connection, upload_id).details, **details})
            connection.execute("UPDATE uploads SET details = ? WHERE upload_id = ?", (merged, upload_id))
            return _load(connection, upload_id)

    def append_chunks(self, upload_id: str, chunks: Sequence[Chunk], *, expires_at: int) -> Upload:
        """See ``SupportsUploads``."""
        with self._connections.writing() as connection:
            upload = _load(connection, upload_id)
            fresh = [chunk for chunk in chunks if not _is_known(connection, upload_id, chunk)]
            if fresh and upload.status is not UploadStatus.OPEN:
                raise UploadConflict("the upload takes no more bytes")
            for chunk in fresh:
                if upload.size is not None and chunk.end > upload.size:
                    raise UploadConflict(f"the upload ends at {upload.size}")
                _name(connection, upload, chunk)
                _widen(connection, upload_id, chunk.offset, chunk.end)
            connection.execute(
                "UPDATE uploads SET received = received + ?, chunks = chunks + ?, expires_at = max(expires_at, ?)"
                " WHERE upload_id = ?",
                (sum(chunk.size for chunk in fresh), len(fresh), expires_at, upload_id),
            )
            return _load(connection, upload_id)

    def list_chunks(self, upload_id: str, *, offset: int = 0, limit: int) -> list[Chunk]:
        """See ``SupportsUploads``."""
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT place, size, object_id, token, coalesce(domain, '') FROM upload_chunks"
                " LEFT JOIN upload_domains USING (upload_id) WHERE upload_id = ?1 AND place >= coalesce("
                "(SELECT max(place) FROM upload_chunks WHERE upload_id = ?1 AND place <= ?2), 0)"
                " AND place + size > ?2 ORDER BY place LIMIT ?3",
                (upload_id, offset, limit),
            ).fetchall()
        return [Chunk(offset=row[0], size=row[1], object_id=row[2], token=row[3], chunk_domain=row[4]) for row in rows]

    def ranges(self, upload_id: str) -> list[tuple[int, int]]:
        """See ``SupportsUploads``."""
        sql = "SELECT u_start, u_end FROM upload_ranges WHERE upload_id = ? ORDER BY u_start"
        with self._connections.reading() as connection:
            return connection.execute(sql, (upload_id,)).fetchall()

    def seal_upload(self, upload_id: str, *, sealed_at: int, sha256: str | None, md5: str | None) -> Upload:
        """See ``SupportsUploads``."""
        with self._connections.writing() as connection:
            upload = _load(connection, upload_id)
            if upload.status is UploadStatus.SEALED:
                return upload
            if not upload.complete:
                raise UploadConflict("bytes are missing")
            connection.execute(
                "UPDATE uploads SET status = 'sealed', sealed_at = ?, sha256 = ?, md5 = ? WHERE upload_id = ?",
                (sealed_at, sha256, md5, upload_id),
            )
            return _load(connection, upload_id)

    def delete_upload(self, upload_id: str, *, now: int, only_expired: bool = False) -> bool:
        """See ``SupportsUploads``. A long manifest goes in several transactions, so that others wait for one only."""
        with self._connections.writing() as connection:
            marked = connection.execute(
                "UPDATE uploads SET status = 'deleting' WHERE upload_id = ?1"
                " AND (NOT ?2 OR status = 'deleting' OR (status = 'open' AND expires_at <= ?3))",
                (upload_id, only_expired, now),
            )
            found = marked.rowcount == 1
        while found:
            with self._connections.writing() as connection:
                if not connection.execute(_BEING_DELETED, (upload_id,)).fetchone():
                    # Another caller has deleted the rest, and the same id may be that of a new upload.
                    break
                rows = connection.execute(
                    "SELECT place, coalesce(domain, owner), object_id FROM upload_chunks JOIN uploads USING (upload_id)"
                    " LEFT JOIN upload_domains USING (upload_id) WHERE upload_id = ? LIMIT ?",
                    (upload_id, _DELETED_AT_ONCE),
                ).fetchall()
                connection.executemany(
                    "UPDATE chunks SET named = named - 1, unused_since = max(unused_since, ?)"
                    " WHERE owner = ? AND object_id = ?",
                    [(now, domain, object_id) for _, domain, object_id in rows],
                )
                connection.executemany(
                    "DELETE FROM upload_chunks WHERE upload_id = ? AND place = ?",
                    [(upload_id, place) for place, _, _ in rows],
                )
                if len(rows) < _DELETED_AT_ONCE:
                    connection.execute("DELETE FROM upload_ranges WHERE upload_id = ?", (upload_id,))
                    connection.execute("DELETE FROM upload_domains WHERE upload_id = ?", (upload_id,))
                    connection.execute("DELETE FROM uploads WHERE upload_id = ?", (upload_id,))
                    break
        return found

    def expired_uploads(self, *, now: int, limit: int) -> list[Upload]:
        """See ``SupportsUploads``."""
        sql = (
            f"SELECT {_COLUMNS} FROM uploads WHERE status = 'open' AND expires_at <= ?1"  # noqa: S608 - constants
            f" UNION ALL SELECT {_COLUMNS} FROM uploads WHERE status = 'deleting' LIMIT ?2"
        )
        with self._connections.reading() as connection:
            return [_upload(row) for row in connection.execute(sql, (now, limit)).fetchall()]

    def reserve_chunks(self, domain: str, object_ids: Sequence[str], *, now: int) -> list[ChunkReservation]:
        """See ``SupportsUploads``."""
        places = []
        with self._connections.writing() as connection:
            for object_id in object_ids:
                token, stored = connection.execute(
                    "INSERT INTO chunks (owner, object_id, token, unused_since) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET unused_since = max(unused_since, excluded.unused_since)"
                    " RETURNING token, stored",
                    (domain, object_id, new_token(secrets.token_bytes(8)), now),
                ).fetchone()
                places.append(ChunkReservation(object_id=object_id, token=token, stored=bool(stored)))
        return places

    def chunk_tokens(self, domain: str, object_ids: Sequence[str]) -> list[str | None]:
        """See ``SupportsUploads``."""
        sql = "SELECT token FROM chunks WHERE owner = ? AND object_id = ?"
        with self._connections.reading() as connection:
            rows = [connection.execute(sql, (domain, object_id)).fetchone() for object_id in object_ids]
        return [None if row is None else row[0] for row in rows]

    def mark_garbage(self, *, unused_before: int, limit: int) -> list[GarbageChunk]:
        """See ``SupportsUploads``."""
        with self._connections.writing() as connection:
            waiting = connection.execute("SELECT count(*) FROM condemned_chunks").fetchone()[0]
            rows = connection.execute(
                "SELECT owner, object_id, token FROM chunks WHERE named = 0 AND unused_since < ? LIMIT ?",
                (unused_before, max(0, limit - waiting)),
            ).fetchall()
            connection.executemany("INSERT INTO condemned_chunks (owner, object_id, token) VALUES (?, ?, ?)", rows)
            connection.executemany(
                "DELETE FROM chunks WHERE owner = ? AND object_id = ?", [(domain, oid) for domain, oid, _ in rows]
            )
            found = connection.execute(
                "SELECT owner, object_id, token FROM condemned_chunks LIMIT ?", (limit,)
            ).fetchall()
        return [GarbageChunk(domain=row[0], object_id=row[1], token=row[2]) for row in found]

    def forget_garbage(self, garbage: Sequence[GarbageChunk]) -> None:
        """See ``SupportsUploads``."""
        with self._connections.writing() as connection:
            connection.executemany("DELETE FROM condemned_chunks WHERE token = ?", [(each.token,) for each in garbage])


def _load(connection: sqlite3.Connection, upload_id: str) -> Upload:
    sql = f"SELECT {_COLUMNS} FROM uploads WHERE upload_id = ? AND status <> 'deleting'"  # noqa: S608 - constants
    row = connection.execute(sql, (upload_id,)).fetchone()
    if row is None:
        raise UploadNotFound(f"no upload {upload_id}")
    return _upload(row)


def _upload(row: tuple[Any, ...]) -> Upload:
    return Upload(
        upload_id=row[0],
        owner=row[1],
        created_at=row[2],
        expires_at=row[3],
        size=row[4],
        chunk_size=row[5],
        status=UploadStatus(row[6]),
        received=row[7],
        chunks=row[8],
        sealed_at=row[9],
        sha256=row[10],
        md5=row[11],
        details=orjson.loads(row[12]),
        contiguous=row[13] or 0,
        chunk_domain=row[14] or "",
    )


def _is_known(connection: sqlite3.Connection, upload_id: str, chunk: Chunk) -> bool:
    row = connection.execute(
        "SELECT size, object_id, token FROM upload_chunks WHERE upload_id = ? AND place = ?", (upload_id, chunk.offset)
    ).fetchone()
    return row is not None and tuple(row) == (chunk.size, chunk.object_id, chunk.token)


def _name(connection: sqlite3.Connection, upload: Upload, chunk: Chunk) -> None:
    named = connection.execute(
        "UPDATE chunks SET named = named + 1, stored = 1 WHERE owner = ? AND object_id = ? AND token = ?",
        (upload.domain, chunk.object_id, chunk.token),
    )
    if named.rowcount != 1:
        raise ChunkGone(chunk.object_id)
    connection.execute(
        "INSERT INTO upload_chunks (upload_id, place, size, object_id, token) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (upload.upload_id, chunk.offset, chunk.size, chunk.object_id, chunk.token),
    )


def _widen(connection: sqlite3.Connection, upload_id: str, start: int, end: int) -> None:
    """Put a range in, and make one of it and its neighbours. Raises UploadConflict when some of it is there."""
    before = connection.execute(
        "SELECT u_start, u_end FROM upload_ranges WHERE upload_id = ? AND u_start < ? ORDER BY u_start DESC LIMIT 1",
        (upload_id, end),
    ).fetchone()
    if before is not None and before[1] > start:
        raise UploadConflict(f"other bytes are at offset {start}")
    after = connection.execute(
        "DELETE FROM upload_ranges WHERE upload_id = ? AND u_start = ? RETURNING u_end", (upload_id, end)
    ).fetchone()
    joined = before[0] if before is not None and before[1] == start else start
    connection.execute(
        "INSERT INTO upload_ranges (upload_id, u_start, u_end) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET u_end = excluded.u_end",
        (upload_id, joined, after[0] if after is not None else end),
    )
