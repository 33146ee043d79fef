"""Free room of a cluster. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

# No number is told: a write finds out.
UNKNOWN = 2**63 - 1


def free_bytes(rooms: Iterable[int], copies: int) -> int:
    """Return how many bytes nodes with this room can take, each of them ``copies`` times on different nodes.

    For two copies: the smaller of half of all room, and all room but the largest. Of fewer nodes than ``copies``, each
    takes one copy; the others are made when more nodes come.
    """
    ordered = sorted(rooms, reverse=True)
    copies = min(copies, len(ordered))
    return min((sum(ordered[largest:]) // (copies - largest) for largest in range(copies)), default=0)
