"""Sizes of the parts in which a client sends a blob. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from storage_adapters.blobs.s3.api import StoredPart

MIB = 1024 * 1024
SMALLEST_PART = 16 * MIB
LARGEST_PART = 5 * 1024 * MIB
# Each part has an address of its own in the answer.
MOST_PARTS = 1_000


def part_size(size: int) -> int:
    """Return the size of every part but the last: as few bytes as possible are lost by a cut."""
    needed = -(-size // MOST_PARTS)
    return max(SMALLEST_PART, -(-needed // MIB) * MIB)


def ranges(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, offset and size of each part; an empty blob has one empty part."""
    step = part_size(size)
    for number in range(max(1, -(-size // step))):
        yield number + 1, number * step, min(step, size - number * step)


def is_whole(parts: Iterable[StoredPart], size: int) -> bool:
    """Return True when the parts are those of a blob of this size, each with all of its bytes."""
    return [(part.number, part.size) for part in parts] == [(number, length) for number, _, length in ranges(size)]
