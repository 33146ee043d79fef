"""List queries answered from the views: rows in order, with all fields that a filter may need. Writes nothing.

Filters are applied by ``query.matches`` to what rows tell, and once more to the documents of those that are chosen: a
document may have changed since its row was made, and then its file is where it now belongs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from storage_adapters.errors import UnreadableRecord
from storage_adapters.metadata.couchdb.database import Database
from storage_adapters.metadata.couchdb.keys import document_id_of, file_id_of, hex_of, place_of, scope_digest, value_at
from storage_adapters.metadata.couchdb.records import parse_document
from storage_adapters.metadata.couchdb.rows import is_cut, parse_row, with_order
from storage_adapters.metadata.couchdb.views import DEFAULT_ORDER, DESIGNS, list_key
from storage_adapters.paging import read_page
from storage_adapters.query import (
    FIELDS,
    OTHER_ORDERS,
    Kind,
    ListQuery,
    Page,
    Position,
    SortValue,
    candidate_scopes,
    matches,
    sort_value,
)
from storage_adapters.records import JSON, FileRecord

LARGEST_BATCH = 500
_FILTERED_BATCH = 100
# Behind a folder, the next row is often one of another folder: few rows are read in vain.
_FIRST_BATCH_OF_FOLDERS = 4
_CURSOR_PARTS = 4
_LAST: JSON = {}  # an object comes behind all text and numbers


_NEVER_MISSING = frozenset({"created_at", "name", "size", *OTHER_ORDERS})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    position: Position
    document_id: str
    text: str
    document: JSON | None


def find_page(database: Database, query: ListQuery) -> Page:
    """Read one page."""
    scope = _smallest_scope(database, query)
    if _is_plain(query):
        return read_page(query, lambda position: _rows_with_documents(database, query, scope, position))
    page = read_page(query, lambda position: _rows(database, query, scope, position))
    wanted = {document_id_of(row.file_id): row for row in page.records}
    unreadable = list(page.unreadable)
    stored = _records(database, wanted, unreadable)
    found = [
        record
        for document_id, row in wanted.items()
        if (record := stored.get(document_id)) is not None
        and _stands_at(record, sort_value(row, query.order_by), query)
        and matches(record, query)
    ]
    return replace(page, records=tuple(found), unreadable=tuple(dict.fromkeys(unreadable)))


def _rows_with_documents(
    database: Database, query: ListQuery, scope: str, position: Position | None
) -> Iterator[tuple[Position, FileRecord | None]]:
    """Read on from a position; a row whose file stands elsewhere by now is left out."""
    for batch in _batches(database, query, scope, position, include_docs=True):
        for row in batch:
            try:
                record = None if row.document is None else parse_document(row.document).living
            except UnreadableRecord:
                yield row.position, None
            else:
                if record is not None and _stands_at(record, row.position.value, query):
                    yield row.position, record


def _rows(
    database: Database, query: ListQuery, scope: str, position: Position | None
) -> Iterator[tuple[Position, FileRecord | None]]:
    """Read on from a position: what rows tell, and the document where that is not enough."""
    for batch in _batches(database, query, scope, position, include_docs=False):
        told = {row.document_id: _told(row, query.order_by) for row in batch}
        cut = [document_id for document_id, record in told.items() if record is not None and is_cut(record, query)]
        told |= _records(database, cut, []) if cut else {}
        for row in batch:
            yield row.position, told[row.document_id]


def _told(row: _Row, order_by: str) -> FileRecord | None:
    try:
        return with_order(parse_row(row.position.file_id, row.text), order_by, row.position.value)
    except UnreadableRecord:
        return None


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
        or (query.owner is not None and "owner" not in scope[0])
        or (query.status is not None and scope[0] != "status")
        or (query.public_only and scope[0] == "status")
    )


def _batches(
    database: Database, query: ListQuery, scope: str, position: Position | None, *, include_docs: bool
) -> Iterator[list[_Row]]:
    """Read on from a position: first the files that have a value, then those that have none."""
    design = DESIGNS[list_key(query.order_by)].name
    text = FIELDS[query.order_by] is Kind.TEXT
    size = min(query.limit, query.scan_limit) + 1
    if query.delimiter:
        size = min(size, _FIRST_BATCH_OF_FOLDERS)
    elif not include_docs:
        size = max(size, min(query.scan_limit + 1, _FILTERED_BATCH))
    for start, end in _ranges(scope, query, position):
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


def _ranges(scope: str, query: ListQuery, after: Position | None) -> list[tuple[list[object], list[object]]]:
    """Return the ranges behind a position: one upwards; two downwards, with the missing values last."""
    beyond: list[object] | None = None
    if after is not None:
        beyond = [scope, *place_of(after.value), hex_of(after.file_id)]
    if not query.descending:
        return [(beyond or [scope], [scope, _LAST])]
    if after is not None and after.value is None:
        return [(beyond or [], [scope, 1])]
    present = beyond or [scope, 0, _LAST], [scope, 0]
    return [present] if query.order_by in _NEVER_MISSING else [present, ([scope, 1, _LAST], [scope, 1])]


def _smallest_scope(database: Database, query: ListQuery) -> str:
    """Choose the candidate scope with the fewest files."""
    candidates = list(candidate_scopes(query))
    if query.order_by in OTHER_ORDERS:
        return scope_digest((*candidates[0], query.order_by))
    digests = [scope_digest(scope) for scope in candidates]
    if len(digests) == 1:
        return digests[0]
    design = DESIGNS[list_key(DEFAULT_ORDER)].name
    counts = [
        next((row["value"] for row in database.view(design, startkey=[scope], endkey=[scope, _LAST])), 0)
        for scope in digests
    ]
    return digests[counts.index(min(counts))]


def _records(database: Database, document_ids: Iterable[str], unreadable: list[str]) -> dict[str, FileRecord]:
    """Return the records of documents, as they are now; the ids of those that cannot be read are added to the list."""
    found: dict[str, FileRecord] = {}
    for document in database.documents(document_ids):
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


def _stands_at(record: FileRecord, value: SortValue, query: ListQuery) -> bool:
    return sort_value(record, query.order_by) == value
