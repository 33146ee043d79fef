"""Liveness of nodes as a controller sees it. It never edits the layout.

A node is *active* while the sequence of its pings changes, by the monotonic clock of the controller; then *silent*.
After ``out_after`` it is *out*: its chunks get copies elsewhere. When an out node answers again it is *returning*: it
serves reads, but is neither a source nor a place of copies until a census has cleared it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from storage_adapters.blobs.nodes.protocol.layout import Layout, Node, assigned

ACTIVE_SECONDS = 15.0
OUT_AFTER_SECONDS = 1_800.0


@dataclass(frozen=True, slots=True)
class View:
    """A layout and the nodes that are not to be relied on. ``returning`` ones are in ``out`` too."""

    layout: Layout
    silent: frozenset[str] = frozenset()
    out: frozenset[str] = frozenset()
    returning: frozenset[str] = frozenset()

    def targets(self, chunk_id: str) -> list[Node]:
        """Return the nodes that should hold a chunk."""
        return assigned(self.layout, chunk_id, self.out)

    def may_give(self, node_id: str) -> bool:
        """Return True when copies may be taken from the node."""
        return node_id not in self.silent and node_id not in self.returning

    @property
    def asked(self) -> tuple[Node, ...]:
        """Nodes whose word a destructive verdict needs: every registered one, silent or not."""
        return self.layout.registered


@dataclass(frozen=True, slots=True)
class Start:
    """Start of a node: number and id."""

    boots: int
    boot_id: str


def admits(known: Start | None, start: Start, *, known_is_active: bool) -> bool:
    """Return True when a ping is of the known start, or of a later one of a node that is not active elsewhere.

    A copied folder has the same number of starts as its original, or runs beside it.
    """
    if known is None or start.boot_id == known.boot_id:
        return True
    return not known_is_active and start.boots > known.boots


def look(
    previous: View,
    layout: Layout,
    quiet_for: Mapping[str, float],
    *,
    active_seconds: float = ACTIVE_SECONDS,
    out_after: float = OUT_AFTER_SECONDS,
) -> View:
    """Return the next view, from the seconds since the sequence of each node changed (missing: never seen).

    One node goes out at a time, the longest silent first, and none while more than a third is silent.
    """
    ids = {node.node_id for node in layout.registered}
    silence = {node_id: quiet_for.get(node_id, float("inf")) for node_id in ids}
    silent = frozenset(node_id for node_id in ids if silence[node_id] > active_seconds)
    out = previous.out & ids
    candidates = [node_id for node_id in silent - out if silence[node_id] > out_after]
    if candidates and not (out & silent) and 3 * len(silent) <= len(ids):
        out |= {min(candidates, key=lambda node_id: (-silence[node_id], node_id))}
    return View(layout, silent, out, out - silent)


def cleared(view: View, node_ids: frozenset[str]) -> View:
    """Return the view after a complete census that these returning nodes took part in."""
    back = view.returning & node_ids
    return View(view.layout, view.silent, view.out - back, view.returning - back)
