"""Usage from the counters of an owner: rule 8 of ``keys``. No I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from storage_adapters.metadata.redis.keys import DIMENSIONS
from storage_adapters.usage import Tally, Usage, usage_from

_NAMES = {letter.decode(): dimension for dimension, letter in DIMENSIONS.items()}


def usage_of(*hashes: Mapping[bytes, bytes]) -> Usage:
    """Parse the hashes of an owner's counters."""
    counted: defaultdict[str, dict[str, Tally]] = defaultdict(dict)
    for counters in hashes:
        for field, files in counters.items():
            name = field.decode()
            if name.startswith("f"):
                size = counters.get(b"b" + field[1:], b"0")
                counted[_NAMES[name[1]]][name[2:]] = Tally(files=int(files), bytes=int(size))
    return usage_from(counted)
