"""List queries answered from the indexes: batches in index order with their records, by one script. Writes nothing.

The filter is applied by ``query.matches`` to whole records, so that Redis cannot disagree with what the query means.
A batch is small: Redis serves no other client while it reads one, about 0.1 ms; more batches cost the caller little. Of
the rows of a folder, a batch has more: each folder that is skipped costs two commands and no record.
"""

from __future__ import annotations

from collections.abc import Iterator

from storage_adapters.errors import UnreadableRecord
from storage_adapters.metadata.redis.keys import (
    CHUNK,
    MISSING,
    TEXT_FIELDS,
    Keys,
    bounds_of,
    place,
    text_in_places,
    text_place,
)
from storage_adapters.metadata.redis.records import record_of
from storage_adapters.metadata.redis.server import Server
from storage_adapters.paging import read_page, start_of
from storage_adapters.query import ListQuery, Page, Position, candidate_scopes, position_of
from storage_adapters.records import FileRecord

LARGEST_BATCH = 32
# A page of a folder is one script for most who ask; a row of it costs less, for of folders no record is read.
_LARGEST_BATCH_OF_FOLDER = 128


def find_page(server: Server, keys: Keys, query: ListQuery) -> Page:
    """Read one page."""
    index = _smallest_index(server, keys, query)
    if query.delimiter:
        # The script goes on behind a folder by itself: what follows in its answer is what read_page asks for.
        rows = _rows_of_folder(server, keys, index, query)
        return read_page(query, lambda _: rows)
    return read_page(query, lambda position: _rows(server, keys, index, query, position))


def _rows(
    server: Server, keys: Keys, index: bytes, query: ListQuery, position: Position | None
) -> Iterator[tuple[Position, FileRecord | None]]:
    """Read on from a position."""
    kind = "t" if query.order_by in TEXT_FIELDS else "n"
    batch = min(query.limit, query.scan_limit, LARGEST_BATCH - 1) + 1
    for lower, upper in _ranges(query, position):
        bounds = lower, upper
        while True:
            arguments = [int(query.descending), *bounds, batch, kind, keys.record_prefix, -1]
            answer = server.run("page", [index], arguments)
            for file_id, value in zip(answer[::2], answer[1::2], strict=True):
                record, is_readable = _record(file_id, value)
                place_of_row = position_of(record, query.order_by)
                yield place_of_row, record if is_readable else None
            if len(answer) < 2 * batch:
                break
            beyond = b"(" + place(place_of_row.value, place_of_row.file_id)
            bounds = (lower, beyond) if query.descending else (beyond, upper)
            batch = min(2 * batch, LARGEST_BATCH)


def _rows_of_folder(
    server: Server, keys: Keys, index: bytes, query: ListQuery
) -> Iterator[tuple[Position, FileRecord | None]]:
    """Read on from the start of a query by paths; of each folder, only its first place."""
    start = start_of(query)
    lower = b"-" if start is None else b"(" + place(start.value, start.file_id)
    shape = [len(text_in_places(query.prefix)), text_in_places(query.delimiter), keys.record_prefix]
    batch = min(query.limit, query.scan_limit, _LARGEST_BATCH_OF_FOLDER - 1) + 1
    while True:
        *answer, lower = server.run("folder", [index], [lower, batch, *shape])
        for member, value in zip(answer[::2], answer[1::2], strict=True):
            path, file_id = text_place(member)
            record, is_readable = (None, False) if value == b"" else _record(file_id.encode(), value)
            yield Position(value=path, file_id=file_id), record if is_readable else None
        if len(answer) < 2 * batch:
            break


def _record(file_id: bytes, value: bytes | None) -> tuple[FileRecord, bool]:
    """Return the record that an index leads to; of one that cannot be read, the rest."""
    try:
        return record_of(file_id.decode(errors="replace"), value), True
    except UnreadableRecord as error:
        return error.rest, False


def _ranges(query: ListQuery, after: Position | None) -> list[tuple[bytes, bytes]]:
    """Return the ranges behind a position: one upwards; two downwards, with the missing values last."""
    beyond = b"" if after is None else b"(" + place(after.value, after.file_id)
    if not query.descending:
        return [(beyond or b"-", b"+")]
    if after is not None and after.value is None:
        return [(b"[" + MISSING, beyond)]
    return [(b"-", beyond or b"(" + MISSING), (b"[" + MISSING, b"+")]


def _smallest_index(server: Server, keys: Keys, query: ListQuery) -> bytes:
    """Choose the index of the candidate scope with the fewest files, estimated by the number of its chunks."""
    candidates = [keys.index(scope, query.order_by) for scope in candidate_scopes(query)]
    if len(candidates) == 1:
        return candidates[0]
    counts = server.call_all([("ZCARD", key) for index in candidates for key in (index, bounds_of(index))])
    sizes = [first + CHUNK * others for first, others in zip(counts[::2], counts[1::2], strict=True)]
    return candidates[sizes.index(min(sizes))]
