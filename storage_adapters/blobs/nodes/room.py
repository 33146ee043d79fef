"""Free room of a cluster. No I/O."""

from __future__ import annotations

from collections.abc import Iterable


def free_bytes(rooms: Iterable[int], copies: int) -> int:
    """Return how many bytes nodes with this room can take, each of them ``copies`` times on different nodes.

    For two copies: the smaller of half of all room, and all room but the largest.
    """
    ordered = sorted(rooms, reverse=True)
    if len(ordered) < copies:
        return 0
    return min(sum(ordered[largest:]) // (copies - largest) for largest in range(copies))
