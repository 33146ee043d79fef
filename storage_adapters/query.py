"""The meaning of a list query, once for all stores: fields, operators, sort order, scopes. Pure.

A store may answer from any index it likes as long as the answer is what these functions say.

1. The order is by ``sort_value``; files without one come last in both directions; ties break by ``file_id`` in the
   direction of the order.
2. Text sorts by the code points of its folded form (``unicode_text.fold``), which is also the order of its UTF-8 bytes.
3. ``eq ne in gt gte lt lte`` compare exact values; ``prefix`` and ``contains`` compare folded text, and the search that
   without accents (``unicode_text.search_form``).
4. A missing value matches ``exists: false`` and ``empty: true`` and nothing else.
5. The order by ``path`` holds one owner's files that have a path, by its code points as they are, which is the order
   of its UTF-8 bytes. That by ``trashed_at`` holds files of the trash. Those by ``captured_at`` and by
   ``media.duration_ms`` hold one owner's files that have the value, so that other files cost a store nothing.
6. With a delimiter, files whose path has it behind the prefix are answered as one folder: the path up to and with the
   first such delimiter. Files and folders are in one order and count as one each.
7. A field ``media.<name>`` is a value in ``media``; one of another type than the field's is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from storage_adapters.records import Access, FileRecord, FileStatus
from storage_adapters.unicode_text import fold, search_form


class Kind(StrEnum):
    """The type of a filterable field."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TAGS = "tags"


FIELDS: dict[str, Kind] = {
    "file_id": Kind.TEXT,
    "owner": Kind.TEXT,
    "name": Kind.TEXT,
    "alias": Kind.TEXT,
    "description": Kind.TEXT,
    "website": Kind.TEXT,
    "content_type": Kind.TEXT,
    "status": Kind.TEXT,
    "access": Kind.TEXT,
    "parent_id": Kind.TEXT,
    "path": Kind.TEXT,
    "size": Kind.INTEGER,
    "parts": Kind.INTEGER,
    "created_at": Kind.INTEGER,
    "uploaded_at": Kind.INTEGER,
    "processed_at": Kind.INTEGER,
    "expires_at": Kind.INTEGER,
    "trashed_at": Kind.INTEGER,
    "captured_at": Kind.INTEGER,
    "captured_source": Kind.TEXT,
    "media.kind": Kind.TEXT,
    "media.codec": Kind.TEXT,
    "media.width": Kind.INTEGER,
    "media.height": Kind.INTEGER,
    "media.duration_ms": Kind.INTEGER,
    "temporary": Kind.BOOLEAN,
    "immutable": Kind.BOOLEAN,
    "tags": Kind.TAGS,
}

ORDERED_OPERATORS = frozenset({"gt", "gte", "lt", "lte"})
OPERATORS: dict[Kind, frozenset[str]] = {
    Kind.TEXT: frozenset({"eq", "ne", "in", "prefix", "contains", "exists", "empty"}) | ORDERED_OPERATORS,
    Kind.INTEGER: frozenset({"eq", "ne", "in", "exists", "empty"}) | ORDERED_OPERATORS,
    Kind.BOOLEAN: frozenset({"eq", "ne", "in", "exists", "empty"}),
    Kind.TAGS: frozenset({"contains", "exists", "empty"}),
}

# Every scope of listed files has an order by each of these.
SORT_FIELDS = ("created_at", "uploaded_at", "processed_at", "expires_at", "name", "size")
# Of the scope of an owner alone, and there of those files alone that have a value.
MEDIA_ORDERS = ("captured_at", "media.duration_ms")
# Beside these, of the scope of an owner alone, and of the trash.
OTHER_ORDERS = ("path", "trashed_at", *MEDIA_ORDERS)
ORDERS = (*SORT_FIELDS, *OTHER_ORDERS)

_MEDIA = "media."
_MEDIA_TYPES = {Kind.TEXT: str, Kind.INTEGER: int}

Scope = tuple[str, ...]
SortValue = int | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """``field op value``; the value has the type that the field and the operator call for."""

    field: str
    op: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place between two files in a given order: behind the file with this value and id."""

    value: SortValue
    file_id: str


class Section(StrEnum):
    """A set of files that is listed apart from the others."""

    LISTED = "listed"
    TRASH = "trash"
    # Uploads of versions that are not yet content of their file.
    VERSIONS = "versions"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """One page of files.

    ``owner`` None means all owners; ``public_only`` keeps ``publicly_listed`` files; all other restrictions are
    joined by AND. ``limit`` bounds the files and folders returned, ``scan_limit`` the files looked at.

    ``section`` None means all sections, for walks: these read the files of all owners, also where they give those of
    one. The trash has the orders ``path``, of
    one owner, ``trashed_at`` and ``created_at``; the uploads of versions that by ``created_at``. ``prefix`` and
    ``delimiter`` belong to the ascending order by path; with a delimiter, nothing but the owner and the section
    restricts the answer. Raises ValueError for any other combination.
    """

    owner: str | None = None
    public_only: bool = False
    access: Access | None = None
    status: FileStatus | None = None
    tags: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    search: str | None = None
    order_by: str = "uploaded_at"
    descending: bool = True
    limit: int = 20
    after: Position | None = None
    scan_limit: int = 2_000
    section: Section | None = Section.LISTED
    prefix: str = ""
    delimiter: str = ""

    def __post_init__(self) -> None:
        fault = _fault(self)
        if fault is not None:
            raise ValueError(fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Files in order, and the next position; ``next_position`` None means that there are no more.

    A page may hold fewer files than asked for, even none, and still have a next position: the scan limit was met.
    ``unreadable`` are the ids of files that were passed over because this version does not know a value of theirs: to
    ``get`` one raises UnreadableRecord. ``folders`` are whole paths with the delimiter at the end, in order.
    """

    records: tuple[FileRecord, ...]
    next_position: Position | None
    unreadable: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


def field_value(record: FileRecord, field: str) -> Any:
    """Return the value of a filterable field, None when missing."""
    match field:
        case "parts":
            return len(record.parts)
        case "description" | "website":
            value = record.meta.get(field)
            return value if isinstance(value, str) else None
        case _ if field.startswith(_MEDIA):
            value = (record.media or {}).get(field.removeprefix(_MEDIA))
            return value if type(value) is _MEDIA_TYPES[FIELDS[field]] else None
        case _:
            return getattr(record, field)


def sort_value(record: FileRecord, field: str) -> SortValue:
    """Return the value by which a record sorts: an integer, text (folded, but for a path), or None when missing."""
    value: SortValue = field_value(record, field)
    return fold(value) if isinstance(value, str) and field != "path" else value


def sort_key(value: SortValue, file_id: str, *, descending: bool) -> tuple[bool, Any, str]:
    """Key for Python's sort, in the direction of the order: use with ``reverse=descending``."""
    missing = value is None
    return (not missing if descending else missing, 0 if missing else value, file_id)


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda actual, wanted: actual == wanted,
    "ne": lambda actual, wanted: actual != wanted,
    "gt": lambda actual, wanted: actual > wanted,
    "gte": lambda actual, wanted: actual >= wanted,
    "lt": lambda actual, wanted: actual < wanted,
    "lte": lambda actual, wanted: actual <= wanted,
    "in": lambda actual, wanted: actual in wanted,
    "prefix": lambda actual, wanted: fold(actual).startswith(fold(wanted)),
}


def satisfies(record: FileRecord, condition: Condition) -> bool:
    """Return True when one condition holds for the record."""
    actual = field_value(record, condition.field)
    if condition.op == "exists":
        return (actual is not None) is condition.value
    if condition.op == "empty":
        return (actual is None or actual in ("", ())) is condition.value
    if actual is None:
        return False
    if condition.op == "contains":
        if isinstance(actual, tuple):
            return condition.value in actual
        return fold(condition.value) in fold(actual)
    return _COMPARE[condition.op](actual, condition.value)


def found_by(record: FileRecord, search: str, *, by_readers: bool = False) -> bool:
    """Return True when every word of the search occurs in a text of the record.

    These are the name, alias, description, content type, tags and path; but to readers the path is not known.
    """
    description = field_value(record, "description") or ""
    path = "" if by_readers else record.path or ""
    texts = (record.name, record.alias or "", description, record.content_type, path, *record.tags)
    text = search_form("\n".join(texts))
    return all(word in text for word in search_form(search).split())


def matches(record: FileRecord, query: ListQuery) -> bool:
    """Return True when the record belongs to the answer, order and position apart."""
    return (
        (query.owner is None or record.owner == query.owner)
        and (query.section is None or query.section is section_of(record))
        and (query.prefix == "" or (record.path or "").startswith(query.prefix))
        and (not query.public_only or record.publicly_listed)
        and (query.access is None or record.access is query.access)
        and (query.status is None or record.status is query.status)
        and all(tag in record.tags for tag in query.tags)
        and all(satisfies(record, condition) for condition in query.conditions)
        and (query.search is None or found_by(record, query.search, by_readers=query.public_only))
    )


def position_of(record: FileRecord, order_by: str) -> Position:
    """Return the position directly behind this record."""
    return Position(value=sort_value(record, order_by), file_id=record.file_id)


def section_of(record: FileRecord) -> Section:
    """Return the section of a file."""
    if record.version_of is not None:
        return Section.VERSIONS
    return Section.LISTED if record.trashed_at is None else Section.TRASH


def index_entries(record: FileRecord) -> Iterator[tuple[Scope, str, SortValue]]:
    """Yield the places of a record: scope, sort field and value. A store with sorted indexes keeps one for each two."""
    values = {field: sort_value(record, field) for field in SORT_FIELDS}
    for scope in whole_scopes(record):
        for field, value in values.items():
            yield scope, field, value
    yield from other_entries(record)


def values_in(record: FileRecord, scope: Scope, field: str) -> Iterator[SortValue]:
    """Yield the values of the places that a record has in one scope by one field, as ``index_entries`` does for all."""
    if field in SORT_FIELDS and scope in whole_scopes(record):
        yield sort_value(record, field)
    yield from (value for within, by, value in other_entries(record) if (within, by) == (scope, field))


def whole_scopes(record: FileRecord) -> Iterator[Scope]:
    """Yield the scopes in which a record has a place in each order of ``SORT_FIELDS``.

    Unfinished files have a scope per status, so that a worker finds its work without a scan.
    """
    yield ("all",)
    if record.is_listed:
        tags = dict.fromkeys(record.tags)
        yield ("owner", record.owner)
        yield from (("owner-tag", record.owner, tag) for tag in tags)
        if record.publicly_listed:
            yield ("public",)
            yield from (("public-tag", tag) for tag in tags)
    if record.status is not FileStatus.PROCESSED:
        yield ("status", record.status.value)


def other_entries(record: FileRecord) -> Iterator[tuple[Scope, str, SortValue]]:
    """Yield the other places of a record: by path, by what media tells, in the trash, among uploads of versions."""
    match section_of(record):
        case Section.VERSIONS:
            yield ("versions",), "created_at", record.created_at
            yield ("owner-versions", record.owner), "created_at", record.created_at
        case Section.TRASH:
            for field in ("created_at", "trashed_at"):
                yield ("trash",), field, field_value(record, field)
                yield ("owner-trash", record.owner), field, field_value(record, field)
            if record.path is not None:
                yield ("owner-trash", record.owner), "path", record.path
        case Section.LISTED:
            for field in ("path", *MEDIA_ORDERS):
                if (value := sort_value(record, field)) is not None:
                    yield ("owner", record.owner), field, value


def candidate_scopes(query: ListQuery) -> list[Scope]:
    """Return the scopes that each hold every answer of the query, so that a store can read the smallest of them."""
    if query.section in (Section.TRASH, Section.VERSIONS):
        return [(query.section.value,) if query.owner is None else (f"owner-{query.section}", query.owner)]
    walks = query.owner is None or query.section is None
    if query.status is not None and query.status is not FileStatus.PROCESSED and walks:
        return [("status", query.status.value)]
    if query.section is None:
        return [("all",)]
    if query.owner is not None and query.order_by in SORT_FIELDS:
        return [("owner-tag", query.owner, tag) for tag in query.tags] or [("owner", query.owner)]
    if query.owner is not None:
        return [("owner", query.owner)]
    if query.public_only:
        return [("public-tag", tag) for tag in query.tags] or [("public",)]
    return [("all",)]


_ORDERS_OF = {
    Section.LISTED: (*SORT_FIELDS, "path", *MEDIA_ORDERS),
    Section.TRASH: ("created_at", "trashed_at", "path"),
    Section.VERSIONS: ("created_at",),
    None: SORT_FIELDS,
}


def _fault(query: ListQuery) -> str | None:
    """Return why a query has no meaning."""
    if query.order_by not in _ORDERS_OF[query.section]:
        return f"there is no order by {query.order_by} in this section"
    if query.section is None and query.public_only:
        return "a public list is that of listed files"
    if query.order_by in ("path", *MEDIA_ORDERS) and query.owner is None:
        return f"the order by {query.order_by} is that of one owner"
    if (query.prefix or query.delimiter) and (query.order_by != "path" or query.descending):
        return "prefix and delimiter need the ascending order by path"
    if query.delimiter.endswith(chr(0x10FFFF)):
        return "the delimiter has nothing behind it"
    restricts = query.public_only or query.access or query.status or query.tags or query.conditions
    if query.delimiter and (restricts or query.search is not None):
        return "with a delimiter, only the owner and the prefix restrict the list"
    return None
