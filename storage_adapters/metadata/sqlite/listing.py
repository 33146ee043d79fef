"""List queries answered from the sorted scopes: keyset batches in index order with their records. Writes nothing.

The filter is applied by ``query.matches`` to whole records, so that SQL cannot disagree with what the query means.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from storage_adapters.codec import record_from_document
from storage_adapters.errors import UnreadableRecord
from storage_adapters.metadata.sqlite.indexes import scope_text
from storage_adapters.metadata.sqlite.schema import FIELD_NUMBERS
from storage_adapters.paging import read_page
from storage_adapters.query import ListQuery, Page, Position, candidate_scopes
from storage_adapters.records import FileRecord

_LARGEST_BATCH = 500
# Behind a folder, the next row is often one of another folder: few rows are read in vain.
_FIRST_BATCH_OF_FOLDERS = 4
_RARITY_BOUNDS = (100, 1_000, 10_000)
_COUNT_SQL = "SELECT count(*) FROM (SELECT 1 FROM listing WHERE scope = ? AND field = ? LIMIT ?)"


def _batch_sql(*, after: bool, descending: bool) -> str:
    direction, sign = (" DESC", "<") if descending else ("", ">")
    beyond = f" AND (value, file_id) {sign} (:value, :file_id)" if after else ""
    return (
        "SELECT value, file_id, document FROM listing CROSS JOIN files USING (file_id)"  # noqa: S608 - no value in it
        f" WHERE scope = :scope AND field = :field AND missing = :missing{beyond}"
        f" ORDER BY value{direction}, file_id{direction} LIMIT :batch"
    )


_BATCH_SQL = {
    (after, descending): _batch_sql(after=after, descending=descending)
    for after in (False, True)
    for descending in (False, True)
}


def find_page(connection: sqlite3.Connection, query: ListQuery) -> Page:
    """Read one page; the connection's statements must all see one state."""
    scope = _rarest_scope(connection, query)
    return read_page(query, lambda position: _rows(connection, query, scope, position))


def _rows(
    connection: sqlite3.Connection, query: ListQuery, scope: str, position: Position | None
) -> Iterator[tuple[Position, FileRecord | None]]:
    """Read on from a position: first the files that have a value, then those that have none."""
    batch = _FIRST_BATCH_OF_FOLDERS if query.delimiter else min(query.limit, query.scan_limit) + 1
    for missing in (False, True):
        start = position
        if start is not None and (start.value is None) is not missing:
            if start.value is None:
                continue
            start = None
        while True:
            rows = connection.execute(
                _BATCH_SQL[start is not None, query.descending],
                {
                    "scope": scope,
                    "field": FIELD_NUMBERS[query.order_by],
                    "missing": missing,
                    "value": 0 if start is None or start.value is None else start.value,
                    "file_id": start.file_id if start else None,
                    "batch": batch,
                },
            ).fetchall()
            for value, file_id, document in rows:
                start = Position(value=None if missing else value, file_id=file_id)
                yield start, _record(document)
            if len(rows) < batch:
                break
            batch = min(2 * batch, _LARGEST_BATCH)


def _record(document: bytes) -> FileRecord | None:
    try:
        return record_from_document(document)
    except UnreadableRecord:
        return None


def _rarest_scope(connection: sqlite3.Connection, query: ListQuery) -> str:
    """Choose the candidate scope with the fewest files, counting no further than needed to tell them apart."""
    candidates = [scope_text(scope) for scope in candidate_scopes(query)]
    field = FIELD_NUMBERS[query.order_by]
    for bound in _RARITY_BOUNDS if len(candidates) > 1 else ():
        counts = [connection.execute(_COUNT_SQL, (scope, field, bound)).fetchone()[0] for scope in candidates]
        if min(counts) < bound:
            return candidates[counts.index(min(counts))]
    return candidates[0]
