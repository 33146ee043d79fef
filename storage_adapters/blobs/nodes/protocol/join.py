"""Join of inventories and wanted names: the state of each chunk, decided without I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from storage_adapters.blobs.nodes.protocol.effects import Wanted
from storage_adapters.blobs.nodes.protocol.layout import Node
from storage_adapters.blobs.nodes.protocol.liveness import View
from storage_adapters.blobs.nodes.protocol.messages import Entry
from storage_adapters.blobs.nodes.protocol.replication import holders
from storage_adapters.blobs.nodes.protocol.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Case:
    """A wanted chunk that does not lie as it should.

    ``sources`` have a copy, ``missing`` are assigned nodes without one, ``surplus`` have one and are not assigned.
    ``copies`` counts the copies that exist, or may exist on assigned nodes that do not answer.
    """

    wanted: Wanted
    sources: tuple[str, ...] = ()
    missing: tuple[Node, ...] = ()
    surplus: tuple[str, ...] = ()
    copies: int = 0


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that nothing wants, or whose bytes are not the wanted ones."""

    node_id: str
    chunk_id: str
    age: float

    @property
    def name(self) -> str:
        """The form in which candidates are kept."""
        return f"{self.node_id}|{self.chunk_id}"


@dataclass(slots=True)
class Joined:
    """Outcome of a join. ``short`` counts chunks with too few copies, for more of which there is no node."""

    repairs: list[Case] = field(default_factory=list)
    surplus: list[Case] = field(default_factory=list)
    lost: list[Wanted] = field(default_factory=list)
    unavailable: list[Wanted] = field(default_factory=list)
    unwanted: list[Copy] = field(default_factory=list)
    short: int = 0


def join(view: View, snapshot: Snapshot) -> Joined:
    """Classify every wanted chunk and every copy; repairs of single copies come first."""
    joined = Joined(unwanted=list(unwanted_copies(snapshot)))
    for wanted in snapshot.wanted.values():
        _classify(view, snapshot, wanted, holders(_copies(snapshot, wanted.chunk_id), wanted), joined)
    joined.repairs.sort(key=lambda case: len(case.sources))
    return joined


def _copies(snapshot: Snapshot, chunk_id: str) -> dict[str, Entry]:
    listings = snapshot.listings.items()
    return {node_id: each.entries[chunk_id] for node_id, each in listings if chunk_id in each.entries}


def _classify(view: View, snapshot: Snapshot, wanted: Wanted, held: dict[str, Entry], joined: Joined) -> None:
    if not held:
        if wanted.stored:
            (joined.lost if snapshot.complete else joined.unavailable).append(wanted)
        return
    targets = view.targets(wanted.chunk_id)
    sources = tuple(node_id for node_id in held if view.may_give(node_id))
    missing = tuple(node for node in targets if is_missing(snapshot, node, held))
    surplus = tuple(node_id for node_id in sources if all(node.node_id != node_id for node in targets))
    copies = _count(view, snapshot, targets, held)
    if missing:
        joined.repairs.append(Case(wanted, sources, missing, copies=copies))
    elif copies < view.layout.copies:
        joined.short += 1
    if surplus and len(targets) == view.layout.copies:
        joined.surplus.append(Case(wanted, surplus=surplus))


def _count(view: View, snapshot: Snapshot, targets: list[Node], held: dict[str, Entry]) -> int:
    """Count the copies of a chunk. Those on returning nodes do not count, and a silent node may have its copy."""
    sure = sum(node_id not in view.returning for node_id in held)
    return sure + sum(not snapshot.listings[node.node_id].complete for node in targets if node.node_id not in held)


def under_replicated(view: View, joined: Joined, made: list[int]) -> int:
    """Count the chunks that have too few copies still, after so many were made for each of the repairs."""
    cases = zip(joined.repairs, made, strict=True)
    return joined.short + sum(case.copies + number < view.layout.copies for case, number in cases)


def is_missing(snapshot: Snapshot, node: Node, held: dict[str, Entry]) -> bool:
    """Return True when a node is known to have no copy; a silent or incomplete one may have it."""
    return node.node_id not in held and snapshot.listings[node.node_id].complete


def unwanted_copies(snapshot: Snapshot) -> Iterator[Copy]:
    """Yield the copies that no name wants, or that have another hash than their name wants."""
    for node_id, listing in snapshot.listings.items():
        for chunk_id, entry in listing.entries.items():
            wanted = snapshot.wanted.get(chunk_id)
            if wanted is None or wanted.sha256 not in ("", entry.sha256):
                yield Copy(node_id, chunk_id, entry.age)
