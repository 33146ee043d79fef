"""One page of a list, told from the rows that a store reads in order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from storage_adapters.query import ListQuery, Page, Position, matches
from storage_adapters.records import FileRecord

_LAST = chr(0x10FFFF)

# A place in the order and the file that stands there, None where this version cannot read it.
Row = tuple[Position, FileRecord | None]


def read_page(query: ListQuery, rows_behind: Callable[[Position | None], Iterator[Row]]) -> Page:
    """Return the page of a query.

    ``rows_behind`` reads the rows of a scope that holds every answer, in the query's order, behind a position. It is
    asked again behind each folder, so that no more of a folder is read than its first row, and what a store reads with
    it at once.
    """
    place = start_of(query)
    found: list[FileRecord] = []
    folders: list[str] = []
    unreadable: list[str] = []
    looked_at = 0
    rows = rows_behind(place)
    while is_more := (row := next(rows, None)) is not None and _is_within(query, row[0]):
        if len(found) + len(folders) == query.limit or looked_at == query.scan_limit:
            break
        looked_at += 1
        place, record = row
        folder = folder_at(query, place)
        if folder is not None:
            folders.append(folder)
            place = Position(value=text_beyond(folder), file_id="")
            rows = rows_behind(place)
        elif record is None:
            unreadable.append(place.file_id)
        elif matches(record, query):
            found.append(record)
    return Page(
        records=tuple(found),
        next_position=place if is_more else None,
        unreadable=tuple(unreadable),
        folders=tuple(folders),
    )


def start_of(query: ListQuery) -> Position | None:
    """Return the position behind which a query's answer begins: that of its prefix where it has no later one."""
    if not query.prefix:
        return query.after
    start = Position(value=query.prefix, file_id="")
    after = query.after
    is_later = after is not None and (str(after.value), after.file_id) > (query.prefix, "")
    return after if is_later else start


def folder_at(query: ListQuery, place: Position) -> str | None:
    """Return the folder that a query answers instead of the file at a place, None for the file itself."""
    if not query.delimiter or not isinstance(place.value, str):
        return None
    end = place.value.find(query.delimiter, len(query.prefix))
    return None if end < 0 else place.value[: end + len(query.delimiter)]


def text_beyond(prefix: str) -> str:
    """Return the first text, by code points, behind all that begin with the prefix.

    The last code point gives way to the next one; surrogates are none, and behind the very last there is nothing.
    """
    rest = prefix.rstrip(_LAST)
    following = ord(rest[-1]) + 1
    return rest[:-1] + chr(0xE000 if following == 0xD800 else following)


def _is_within(query: ListQuery, place: Position) -> bool:
    return not query.prefix or (isinstance(place.value, str) and place.value.startswith(query.prefix))
