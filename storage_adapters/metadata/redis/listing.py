"""List queries answered from the indexes: batches in index order with their records, by one script. Writes nothing.

The filter is applied by ``query.matches`` to whole records, so that Redis cannot disagree with what the query means.
A batch is small: Redis serves no other client while it reads one, about 0.1 ms; more batches cost the caller little.
"""

from __future__ import annotations

from collections.abc import Iterator

from storage_adapters.errors import UnreadableRecord
from storage_adapters.metadata.redis.keys import CHUNK, MISSING, TEXT_FIELDS, Keys, bounds_of, place
from storage_adapters.metadata.redis.records import record_of
from storage_adapters.metadata.redis.server import Server
from storage_adapters.paging import read_page
from storage_adapters.query import ListQuery, Page, Position, candidate_scopes, position_of
from storage_adapters.records import FileRecord

LARGEST_BATCH = 32
# Behind a folder, the next row is often one of another folder: few rows are read in vain.
_FIRST_BATCH_OF_FOLDERS = 4


def find_page(server: Server, keys: Keys, query: ListQuery) -> Page:
    """Read one page."""
    index = _smallest_index(server, keys, query)
    return read_page(query, lambda position: _rows(server, keys, index, query, position))


def _rows(
    server: Server, keys: Keys, index: bytes, query: ListQuery, position: Position | None
) -> Iterator[tuple[Position, FileRecord | None]]:
    """Read on from a position."""
    kind = "t" if query.order_by in TEXT_FIELDS else "n"
    largest = _FIRST_BATCH_OF_FOLDERS if query.delimiter else LARGEST_BATCH
    batch = min(query.limit, query.scan_limit, largest - 1) + 1
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
