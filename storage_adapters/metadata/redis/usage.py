"""Usage from the counters of an owner: rule 8 of ``keys``. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

from storage_adapters.records import Tally, Usage


def usage_of(counters: Mapping[bytes, bytes]) -> Usage:
    """Parse one hash of counters."""
    tallies: dict[str, dict[str, Tally]] = {"t": {}, "a": {}, "c": {}, "s": {}}
    for field, files in counters.items():
        name = field.decode()
        if name.startswith("f"):
            size = counters.get(b"b" + field[1:], b"0")
            tallies[name[1]][name[2:]] = Tally(files=int(files), bytes=int(size))
    return Usage(
        total=tallies["t"].get("", Tally()),
        by_access=tallies["a"],
        by_content_type=tallies["c"],
        by_status=tallies["s"],
    )
