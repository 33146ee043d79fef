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
from storage_adapters.query import ListQuery, Page, candidate_scopes, matches, position_of, sort_value
from storage_adapters.records import FileRecord

LARGEST_BATCH = 32


def find_page(server: Server, keys: Keys, query: ListQuery) -> Page:
    """Read one page."""
    position = query.after
    found: list[FileRecord] = []
    unreadable: list[str] = []
    for looked_at, record in enumerate(_records(server, keys, query, unreadable)):
        if len(found) == query.limit or looked_at == query.scan_limit:
            return Page(records=tuple(found), next_position=position, unreadable=tuple(unreadable))
        position = position_of(record, query.order_by)
        if record.file_id not in unreadable and matches(record, query):
            found.append(record)
    return Page(records=tuple(found), next_position=None, unreadable=tuple(unreadable))


def _records(server: Server, keys: Keys, query: ListQuery, unreadable: list[str]) -> Iterator[FileRecord]:
    """Read on from the query's position; of a record that cannot be read, yield the rest and add its id to the list."""
    index = _smallest_index(server, keys, query)
    kind = "t" if query.order_by in TEXT_FIELDS else "n"
    batch = min(query.limit, query.scan_limit, LARGEST_BATCH - 1) + 1
    for lower, upper in _ranges(query):
        bounds = lower, upper
        while True:
            arguments = [int(query.descending), *bounds, batch, kind, keys.record_prefix, -1]
            answer = server.run("page", [index], arguments)
            for file_id, value in zip(answer[::2], answer[1::2], strict=True):
                try:
                    record = record_of(file_id.decode(errors="replace"), value)
                except UnreadableRecord as error:
                    record = error.rest
                    unreadable.append(record.file_id)
                yield record
            if len(answer) < 2 * batch:
                break
            beyond = b"(" + place(sort_value(record, query.order_by), record.file_id)
            bounds = (lower, beyond) if query.descending else (beyond, upper)
            batch = min(2 * batch, LARGEST_BATCH)


def _ranges(query: ListQuery) -> list[tuple[bytes, bytes]]:
    """Return the ranges behind the query's position: one upwards; two downwards, with the missing values last."""
    after = query.after
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
