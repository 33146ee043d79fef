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
from storage_adapters.query import ListQuery, Page, Position, candidate_scopes, matches
from storage_adapters.records import FileRecord

_LARGEST_BATCH = 500
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
    position = query.after
    found: list[FileRecord] = []
    unreadable: list[str] = []
    rows = _rows(connection, query, _rarest_scope(connection, query))
    for looked_at, (place, document) in enumerate(rows):
        if len(found) == query.limit or looked_at == query.scan_limit:
            return Page(records=tuple(found), next_position=position, unreadable=tuple(unreadable))
        position = place
        try:
            record = record_from_document(document)
        except UnreadableRecord:
            unreadable.append(place.file_id)
            continue
        if matches(record, query):
            found.append(record)
    return Page(records=tuple(found), next_position=None, unreadable=tuple(unreadable))


def _rows(connection: sqlite3.Connection, query: ListQuery, scope: str) -> Iterator[tuple[Position, bytes]]:
    """Read on from the query's position: first the files that have a value, then those that have none."""
    batch = min(query.limit, query.scan_limit) + 1
    for missing in (False, True):
        start = query.after
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
                yield start, document
            if len(rows) < batch:
                break
            batch = min(2 * batch, _LARGEST_BATCH)


def _rarest_scope(connection: sqlite3.Connection, query: ListQuery) -> str:
    """Choose the candidate scope with the fewest files, counting no further than needed to tell them apart."""
    candidates = [scope_text(scope) for scope in candidate_scopes(query)]
    field = FIELD_NUMBERS[query.order_by]
    for bound in _RARITY_BOUNDS if len(candidates) > 1 else ():
        counts = [connection.execute(_COUNT_SQL, (scope, field, bound)).fetchone()[0] for scope in candidates]
        if min(counts) < bound:
            return candidates[counts.index(min(counts))]
    return candidates[0]
