"""Usage read from the counters' rows. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from storage_adapters.metadata.couchdb.keys import text_of
from storage_adapters.metadata.couchdb.records import joined_size
from storage_adapters.records import JSON, Tally, Usage


def usage_of(rows: Iterable[JSON]) -> Usage:
    """Add up rows of [owner, access, content type, status]."""
    files, size = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
    for row in rows:
        _, access, content_type, status = row["key"]
        count, high, low = row["value"]
        for counter in ((0, ""), (1, access), (2, text_of(content_type)), (3, status)):
            files[counter] += int(count)
            size[counter] += joined_size(high, low)

    def tallies(dimension: int) -> dict[str, Tally]:
        return {key: Tally(files=files[d, key], bytes=size[d, key]) for d, key in files if d == dimension}

    return Usage(
        total=tallies(0).get("", Tally()),
        by_access=tallies(1),
        by_content_type=tallies(2),
        by_status=tallies(3),
    )
