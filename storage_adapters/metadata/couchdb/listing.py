"""List queries answered from the views: rows in order, with all fields that a filter may need. Writes nothing.

Filters are applied by ``query.matches`` to what rows tell, and once more to the documents of those that are chosen: a
document may have changed since its row was made, and then its file is where it now belongs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from storage_adapters.errors import UnreadableRecord
from storage_adapters.metadata.couchdb.database import Database
from storage_adapters.metadata.couchdb.keys import Place, file_id_of, hex_of, place_of, scope_digest, value_at
from storage_adapters.metadata.couchdb.records import parse_document
from storage_adapters.metadata.couchdb.rows import asks_for_long_texts, is_cut, parse_row
from storage_adapters.metadata.couchdb.views import DEFAULT_ORDER, DESIGNS, list_key
from storage_adapters.query import FIELDS, Kind, ListQuery, Page, Position, candidate_scopes, matches, sort_value
from storage_adapters.records import JSON, FileRecord

LARGEST_BATCH = 500
_FILTERED_BATCH = 100
_CURSOR_PARTS = 4
_LAST: JSON = {}  # an object comes behind all text and numbers


_NEVER_MISSING = frozenset({"created_at", "name", "size"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    position: Position
    document_id: str
    text: str
    document: JSON | None


def find_page(database: Database, query: ListQuery) -> Page:
    """Read one page."""
    position = query.after
    chosen: list[_Row] = []
    more = False
    unreadable: list[str] = []
    for looked_at, (row, fits) in enumerate(_filtered(database, query, unreadable)):
        if len(chosen) == query.limit or looked_at == query.scan_limit:
            more = True
            break
        position = row.position
        if fits:
            chosen.append(row)
    found = []
    records = _records(database, chosen, unreadable)
    for row in chosen:
        record = records.get(row.document_id)
        if record is not None and _is_still_there(record, row, query):
            found.append(record)
    return Page(
        records=tuple(found),
        next_position=position if more else None,
        unreadable=tuple(dict.fromkeys(unreadable)),
    )


def _filtered(database: Database, query: ListQuery, unreadable: list[str]) -> Iterator[tuple[_Row, bool]]:
    """Yield the rows behind the query's position, and whether each belongs to the answer.

    The ids of files that cannot be read are added to the list.
    """
    if _is_plain(query):
        for batch in _batches(database, query, include_docs=True):
            yield from ((row, True) for row in batch)
        return
    reads_documents = asks_for_long_texts(query)
    for batch in _batches(database, query, include_docs=False):
        told = {}
        for row in batch:
            try:
                told[row.document_id] = parse_row(row.position.file_id, row.text)
            except UnreadableRecord as error:
                unreadable.append(error.file_id)
        if reads_documents:
            cut = [row for row in batch if row.document_id in told and is_cut(told[row.document_id])]
            told |= _records(database, cut, unreadable)
        for row in batch:
            yield row, row.document_id in told and matches(told[row.document_id], query)


def _is_plain(query: ListQuery) -> bool:
    """Return True when every file of a scope belongs to the answer: then documents are best read with their rows."""
    (scope, *others) = candidate_scopes(query)
    return not (
        others
        or query.conditions
        or query.search is not None
        or query.access is not None
        or (query.public_only and query.owner is not None)
        or (query.tags and "tag" not in scope[0])
        or (query.status is not None and scope[0] != "status")
        or (query.public_only and scope[0] == "status")
    )


def _batches(database: Database, query: ListQuery, *, include_docs: bool) -> Iterator[list[_Row]]:
    """Read on from the query's position: first the files that have a value, then those that have none."""
    design = DESIGNS[list_key(query.order_by)].name
    scope = _smallest_scope(database, query)
    text = FIELDS[query.order_by] is Kind.TEXT
    size = min(query.limit, query.scan_limit) + 1
    if not include_docs:
        size = max(size, min(query.scan_limit + 1, _FILTERED_BATCH))
    for start, end in _ranges(scope, query):
        while True:
            # The row at the place itself is read as well, and dropped.
            read = min(size, LARGEST_BATCH) + (len(start) == _CURSOR_PARTS)
            options = {"descending": query.descending, "limit": read, "reduce": False, "include_docs": include_docs}
            rows = database.view(design, startkey=start, endkey=end, **options)
            yield [_row(row, text=text) for row in rows if row["key"] != start]
            if len(rows) < read:
                break
            start = rows[-1]["key"]
            size *= 2


def _row(row: JSON, *, text: bool) -> _Row:
    _, missing, digits, _ = row["key"]
    position = Position(value=value_at((missing, digits), text=text), file_id=file_id_of(row["id"]))
    return _Row(position=position, document_id=row["id"], text=row["value"], document=row.get("doc"))


def _ranges(scope: str, query: ListQuery) -> list[tuple[list[object], list[object]]]:
    """Return the ranges behind the query's position: one upwards; two downwards, with the missing values last."""
    beyond: list[object] | None = None
    if query.after is not None:
        beyond = [scope, *place_of_position(query.after), hex_of(query.after.file_id)]
    if not query.descending:
        return [(beyond or [scope], [scope, _LAST])]
    if query.after is not None and query.after.value is None:
        return [(beyond or [], [scope, 1])]
    present = beyond or [scope, 0, _LAST], [scope, 0]
    return [present] if query.order_by in _NEVER_MISSING else [present, ([scope, 1, _LAST], [scope, 1])]


def place_of_position(position: Position) -> Place:
    """Return the place of a position, whose text is folded already."""
    if isinstance(position.value, str):
        return 0, hex_of(position.value)
    return place_of(position.value)


def _smallest_scope(database: Database, query: ListQuery) -> str:
    """Choose the candidate scope with the fewest files."""
    candidates = [scope_digest(scope) for scope in candidate_scopes(query)]
    if len(candidates) == 1:
        return candidates[0]
    design = DESIGNS[list_key(DEFAULT_ORDER)].name
    counts = [
        next((row["value"] for row in database.view(design, startkey=[scope], endkey=[scope, _LAST])), 0)
        for scope in candidates
    ]
    return candidates[counts.index(min(counts))]


def _records(database: Database, rows: list[_Row], unreadable: list[str]) -> dict[str, FileRecord]:
    """Return the records behind rows, as they are now; the ids of those that cannot be read are added to the list."""
    found: dict[str, FileRecord] = {}
    unread = database.documents(row.document_id for row in rows if row.document is None)
    for document in (*(row.document for row in rows), *unread):
        if document is None:
            continue
        try:
            stored = parse_document(document)
        except UnreadableRecord as error:
            unreadable.append(error.file_id)
        else:
            if stored.living is not None:
                found[stored.document_id] = stored.living
    return found


def _is_still_there(record: FileRecord, row: _Row, query: ListQuery) -> bool:
    return sort_value(record, query.order_by) == row.position.value and matches(record, query)
