"""Snapshot of a census: first the inventories of all nodes, afterwards the names that the metadata want.

In this order a copy that is not wanted belongs to no write under way: its name was reserved before its bytes came, so
the later walk over the metadata would have met the name.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from storage_adapters.blobs.nodes.protocol.effects import Call, Step, Together, WalkWanted, Wanted, WantedPage
from storage_adapters.blobs.nodes.protocol.errors import Overtaken, ProtocolError, StaleEpoch
from storage_adapters.blobs.nodes.protocol.liveness import View
from storage_adapters.blobs.nodes.protocol.messages import Entry, GetInventory, GetPartition, Inventory, InventoryPage
from storage_adapters.blobs.nodes.protocol.naming import wanted_chunks

CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Listing:
    """Copies of one node. ``complete`` False: it may have more than these."""

    complete: bool
    entries: dict[str, Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Copies of all registered nodes, and the wanted names that were read afterwards."""

    listings: dict[str, Listing]
    wanted: dict[str, Wanted]

    @property
    def complete(self) -> bool:
        """True when every registered node gave a complete inventory."""
        return all(listing.complete for listing in self.listings.values())


def take(view: View, epoch: int) -> Step[Snapshot]:
    """Take a snapshot. Raises Overtaken, or Unreachable when the metadata do not answer."""
    listings = yield from list_nodes(view, epoch)
    wanted = yield from collect_wanted()
    # Copies of a node that is returning may be of before its absence.
    sound = [listing.entries for node_id, listing in listings.items() if view.may_give(node_id)]
    stored = set().union(*(listing.entries for listing in listings.values()))
    return Snapshot(
        listings,
        wanted_chunks(wanted, stored, lambda name: sum(name in entries for entries in sound), view.layout.min_write),
    )


def list_nodes(view: View, epoch: int) -> Step[dict[str, Listing]]:
    """Read the inventories of all registered nodes; a silent node gives an empty, incomplete one."""
    nodes = view.asked
    # Copies have the same names and hashes: each text is kept once.
    texts: dict[str, str] = {}
    answers = yield Together(tuple(_list_node(node.node_id, epoch, texts) for node in nodes))
    if any(isinstance(answer, StaleEpoch) for answer in answers):
        raise Overtaken(f"a census later than {epoch} has begun")
    return {
        node.node_id: answer if isinstance(answer, Listing) else Listing(complete=False)
        for node, answer in zip(nodes, answers, strict=True)
    }


def _list_node(node_id: str, epoch: int, texts: dict[str, str]) -> Step[Listing]:
    sums: Inventory = yield Call(node_id, GetInventory(epoch), CALL_SECONDS)
    entries: dict[str, Entry] = {}
    complete = sums.complete
    for partition in sorted(sums.partitions):
        try:
            page: InventoryPage = yield Call(node_id, GetPartition(partition), CALL_SECONDS)
        except ProtocolError:
            return Listing(complete=False, entries=entries)
        complete = complete and page.complete and page.boot_id == sums.boot_id
        for name, entry in page.entries.items():
            sha256 = texts.setdefault(entry.sha256, entry.sha256)
            entries[texts.setdefault(name, name)] = Entry(sha256, entry.size, entry.age)
    return Listing(complete, entries)


def collect_wanted() -> Step[dict[str, Wanted]]:
    """Walk over everything that the metadata want; a name that several holders want is stored if one says so."""
    wanted: dict[str, Wanted] = {}
    position: str | None = None
    while True:
        page: WantedPage = yield WalkWanted(position)
        for each in page.wanted:
            known = wanted.get(each.chunk_id)
            if known is None or each.stored:
                wanted[each.chunk_id] = each
        if page.next_position is None:
            return wanted
        position = page.next_position
