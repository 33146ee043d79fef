"""Placement of chunks: computed from one versioned layout, the same everywhere.

``liveness`` never edits a layout: a node that is silent keeps its places until an operator, or the controller after
``out_after``, takes it out of a view (see ``liveness.View``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Literal

PARTITIONS = 4096

NodeState = Literal["joining", "active", "draining", "removed"]


@dataclass(frozen=True, slots=True)
class Node:
    """A registered node. Only an ``active`` one is given chunks; a ``removed`` one is no longer asked."""

    node_id: str
    url: str
    zone: str = ""
    weight: float = 1.0
    state: NodeState = "active"


@dataclass(frozen=True, slots=True)
class Layout:
    """All nodes, the number of copies of a chunk, and the number that a write must confirm."""

    version: int
    copies: int
    min_write: int
    nodes: tuple[Node, ...]

    @property
    def registered(self) -> tuple[Node, ...]:
        """The nodes that may hold copies: all but the removed ones."""
        return tuple(node for node in self.nodes if node.state != "removed")

    def node(self, node_id: str) -> Node:
        """Return a node by its id. Raises KeyError."""
        for node in self.nodes:
            if node.node_id == node_id:
                return node
        raise KeyError(node_id)


def partition_of(chunk_id: str) -> int:
    """Return the partition of a chunk: the first 12 bits of the SHA-256 of its id.

    All generations of the index of a blob are in the partition of its key, so that they are found by the key.
    """
    key, *rest = chunk_id.split("~")
    digest = sha256((key if len(rest) == 1 else chunk_id).encode()).digest()
    return digest[0] << 4 | digest[1] >> 4


def score(partition: int, node: Node) -> float:
    """Return the score by which a node wins a partition; shares are proportional to weights."""
    digest = sha256(f"{partition}|{node.node_id}".encode()).digest()
    u = ((int.from_bytes(digest[:8], "big") >> 11) + 0.5) / 2**53
    return -node.weight / math.log(u)


def ranked(layout: Layout, chunk_id: str) -> list[Node]:
    """Return the active nodes for a chunk: the first ``copies`` are assigned, the others take over in this order."""
    return list(
        _order(tuple(node for node in layout.nodes if node.state == "active"), layout.copies, partition_of(chunk_id))
    )


def assigned(layout: Layout, chunk_id: str, without: Iterable[str] = ()) -> list[Node]:
    """Return the nodes that should hold a chunk when those in ``without`` get none."""
    left_out = frozenset(without)
    nodes = tuple(node for node in layout.nodes if node.state == "active" and node.node_id not in left_out)
    return list(_order(nodes, layout.copies, partition_of(chunk_id))[: layout.copies])


def readers(layout: Layout, chunk_id: str) -> list[Node]:
    """Return every registered node in the order in which a reader asks: ranked ones, then draining and joining ones."""
    first = ranked(layout, chunk_id)
    return first + [node for node in layout.registered if node.state != "active"]


@lru_cache(maxsize=4 * PARTITIONS)
def _order(nodes: tuple[Node, ...], copies: int, partition: int) -> tuple[Node, ...]:
    by_score = sorted(nodes, key=lambda node: (-score(partition, node), node.node_id))
    chosen = _one_per_zone(by_score, copies)
    return (*chosen, *(node for node in by_score if node not in chosen))


def _one_per_zone(by_score: Sequence[Node], copies: int) -> list[Node]:
    best: dict[str, Node] = {}
    for node in by_score:
        best.setdefault(node.zone, node)
    return list(best.values())[:copies]
