"""Usage read from the counters' rows. No I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from storage_adapters.metadata.couchdb.index import APART, joined_size
from storage_adapters.metadata.couchdb.keys import text_of
from storage_adapters.records import JSON
from storage_adapters.usage import Tally, Usage, usage_from


def usage_of(rows: Iterable[JSON], versions: Iterable[JSON]) -> Usage:
    """Add up rows of [owner, access, content type, status], and those of former contents."""
    counted: defaultdict[str, defaultdict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
    for row in rows:
        for dimension, key in _counters(row["key"]):
            counted[dimension][key] += _tally(row)
    for row in versions:
        counted["versions"][""] += _tally(row)
    return usage_from(counted)


def _counters(key: list[str]) -> Iterator[tuple[str, str]]:
    _, access, content_type, status = key
    if access.startswith(APART):
        yield access.removeprefix(APART), ""
        return
    yield from (("total", ""), ("access", access), ("content_type", text_of(content_type)), ("status", status))


def _tally(row: JSON) -> Tally:
    files, high, low = row["value"]
    return Tally(files=int(files), bytes=joined_size(high, low))
