"""Random records, writes and list queries, from small pools so that values tie, repeat and go missing often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from storage_adapters import (
    FIELDS,
    OPERATORS,
    SORT_FIELDS,
    Access,
    Condition,
    FileRecord,
    FileStatus,
    Kind,
    ListQuery,
    Section,
)
from storage_adapters.query import MEDIA_ORDERS
from tests.contract.metadata_scenes import make_part, make_record, make_version

FILE_IDS = tuple(f"f{number}" for number in range(8))

_OWNERS = st.sampled_from(["ann", "bob", "3:bob", "a\0b"])
_TAGS = st.sampled_from(["red", "green", "3:bob", "ﬁ", "fi"])
_TEXTS = st.sampled_from(
    ["", "film", "Film", "FILM 2", "ﬁlm", "straße", "STRASSE", "\U0001f3a5", "\uffff", "a\0b"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
_NUMBERS = st.integers(0, 3) | st.sampled_from([2**53, 2**53 + 1])
# Beside "/" stand the code points before and behind it, those around the surrogates, and cases that fold alike.
_SEGMENTS = st.sampled_from(["a", "A", "b", "ab", "a-", "a0", "\ud7ff", "\uffff", "ß"])
_PATHS = st.lists(_SEGMENTS, min_size=1, max_size=3).map("/".join) | st.sampled_from(
    ["a//b", "/a", "a/", "\U0010ffff/x", "a\0/b"]
)
_MEDIA_TYPES = st.sampled_from(["video/mp4", "image/png", ""])
# Some values are of a wrong type, or no field.
_MEDIA = st.dictionaries(
    st.sampled_from(["kind", "codec", "width", "height", "duration_ms", "rotation"]),
    st.sampled_from(["picture", "clip", "hevc", True, None]) | _NUMBERS,
    max_size=4,
)
_CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "owner": _OWNERS,
    "name": _TEXTS,
    "alias": st.none() | _TEXTS,
    "request_id": st.none() | st.sampled_from(["r1", "r2", "r3"]),
    "tags": st.lists(_TAGS, unique=True, max_size=3).map(tuple),
    "meta": st.dictionaries(
        st.sampled_from(["description", "website", "other"]), _TEXTS | st.integers(0, 3), max_size=2
    ),
    "access": st.sampled_from(list(Access)),
    "status": st.sampled_from(list(FileStatus)),
    "temporary": st.booleans(),
    "immutable": st.booleans(),
    "created_at": _NUMBERS,
    "uploaded_at": st.none() | _NUMBERS,
    "processed_at": st.none() | _NUMBERS,
    "expires_at": st.none() | _NUMBERS,
    "size": _NUMBERS,
    "content_type": _MEDIA_TYPES,
    "parts": st.lists(st.integers(0, 2).map(lambda size: make_part(size=size)), max_size=2).map(tuple),
    "parent_id": st.none() | st.sampled_from(FILE_IDS),
    "path": st.none() | _PATHS,
    "trashed_at": st.none() | st.none() | _NUMBERS,
    "versions": st.lists(st.integers(0, 2).map(make_version), max_size=2).map(tuple),
    "version_of": st.sampled_from([None, None, None, *FILE_IDS[:2]]),
    "captured_at": st.none() | _NUMBERS | st.integers(-300, -1),
    "captured_source": st.none() | st.sampled_from(["exif", "sender"]),
    "media": st.none() | _MEDIA,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One attempt to write: a save of these changes, or a deletion (None); a ``stale`` one expects a wrong revision."""

    file_id: str
    changes: dict[str, Any] | None
    stale: bool


def records(file_ids: st.SearchStrategy[str]) -> st.SearchStrategy[FileRecord]:
    """New records."""
    changes = st.fixed_dictionaries({}, optional=_CHANGES)
    return st.builds(lambda file_id, fields: make_record(file_id, **fields), file_ids, changes)


def writes() -> st.SearchStrategy[Write]:
    """Saves mostly, some deletions, some of them stale."""
    return st.builds(
        Write,
        file_id=st.sampled_from(FILE_IDS),
        changes=st.fixed_dictionaries({}, optional=_CHANGES) | st.sampled_from([{}, None]),
        stale=st.sampled_from([False] * 9 + [True]),
    )


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    """Any operator of any field, with a value of its type."""
    field = draw(st.sampled_from(sorted(FIELDS)))
    op = draw(st.sampled_from(sorted(OPERATORS[FIELDS[field]])))
    if op in ("exists", "empty"):
        return Condition(field=field, op=op, value=draw(st.booleans()))
    values = _values(field)
    return Condition(field=field, op=op, value=draw(st.lists(values, max_size=3).map(tuple) if op == "in" else values))


def _values(field: str) -> st.SearchStrategy[Any]:
    match FIELDS[field]:
        case Kind.INTEGER:
            return _NUMBERS
        case Kind.BOOLEAN:
            return st.booleans()
        case Kind.TAGS:
            return _TAGS
        case Kind.TEXT if field in ("name", "alias", "description", "website"):
            return _TEXTS
        case Kind.TEXT if field in ("file_id", "parent_id"):
            return st.sampled_from([*FILE_IDS, "f"])
        case Kind.TEXT if field == "path":
            return _PATHS
        case Kind.TEXT if field.startswith("media."):
            return st.sampled_from(["picture", "clip", "hevc", "", "pic"])
        case Kind.TEXT:
            return _CHANGES[field].map(str)


def queries() -> st.SearchStrategy[ListQuery]:
    """Any query from its first page on."""
    return _plain_queries() | _plain_queries() | _path_queries() | _section_queries() | _media_queries()


_SCAN_LIMITS = st.integers(1, 5) | st.just(2_000)


def _plain_queries() -> st.SearchStrategy[ListQuery]:
    return st.builds(
        ListQuery,
        owner=st.none() | _OWNERS,
        public_only=st.sampled_from([False, False, True]),
        access=st.sampled_from([None, None, *Access]),
        status=st.sampled_from([None, None, *FileStatus]),
        tags=st.lists(_TAGS, unique=True, max_size=2).map(tuple),
        conditions=st.lists(conditions(), max_size=2).map(tuple),
        search=st.none() | _TEXTS,
        order_by=st.sampled_from(SORT_FIELDS),
        descending=st.booleans(),
        limit=st.integers(1, 5),
        scan_limit=_SCAN_LIMITS,
    )


def _path_queries() -> st.SearchStrategy[ListQuery]:
    """Folders, and files by their paths."""
    prefixes = st.just("") | _PATHS | _PATHS.map(lambda path: path + "/")
    fixed = {"owner": _OWNERS, "order_by": st.just("path"), "limit": st.integers(1, 5), "scan_limit": _SCAN_LIMITS}
    section = st.sampled_from([Section.LISTED, Section.LISTED, Section.TRASH])
    delimiters = st.sampled_from(["/", "/", "a", "//", "\uffff", "\0"])
    ascending = {**fixed, "section": section, "descending": st.just(False), "prefix": prefixes}
    return (
        st.builds(ListQuery, **ascending, delimiter=delimiters)
        | st.builds(ListQuery, **ascending, search=st.none() | _TEXTS)
        | st.builds(ListQuery, **fixed, section=section, descending=st.booleans(), tags=st.just(("red",)))
    )


def _media_queries() -> st.SearchStrategy[ListQuery]:
    """Files of one owner by what media tells."""
    return st.builds(
        ListQuery,
        owner=_OWNERS,
        public_only=st.sampled_from([False, False, True]),
        tags=st.sampled_from([(), (), ("red",)]),
        conditions=st.lists(conditions(), max_size=2).map(tuple),
        search=st.none() | st.none() | _TEXTS,
        order_by=st.sampled_from(MEDIA_ORDERS),
        descending=st.booleans(),
        limit=st.integers(1, 5),
        scan_limit=_SCAN_LIMITS,
    )


def _section_queries() -> st.SearchStrategy[ListQuery]:
    """The trash, the uploads of versions, and walks over everything."""
    fixed = {"descending": st.booleans(), "limit": st.integers(1, 5), "scan_limit": _SCAN_LIMITS}
    trash_orders, status = st.sampled_from(["created_at", "trashed_at"]), st.sampled_from([None, *FileStatus])
    owner = st.none() | _OWNERS
    return (
        st.builds(ListQuery, **fixed, owner=owner, section=st.just(Section.TRASH), order_by=trash_orders)
        | st.builds(ListQuery, **fixed, owner=owner, section=st.just(Section.VERSIONS), order_by=st.just("created_at"))
        | st.builds(
            ListQuery, **fixed, owner=owner, section=st.none(), order_by=st.sampled_from(SORT_FIELDS), status=status
        )
    )
