"""Removal of a node: refused while the service needs a chunk of which no other node has a good copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from files_service.errors import Conflict, ServiceUnavailable
from files_service.nodes.controller.census import reports
from files_service.nodes.controller.census.wanted import WantedNames
from files_service.nodes.controller.controller import Controller
from files_service.nodes.controller.layouts import require_enough
from files_service.nodes.controller.members import forget
from files_service.nodes.controller.nodes import Nodes
from storage_adapters.blobs.nodes.protocol.errors import ProtocolError
from storage_adapters.blobs.nodes.protocol.layout import Node
from storage_adapters.blobs.nodes.protocol.messages import (
    Entry,
    GetInventory,
    GetPartition,
    Inventory,
    InventoryPage,
    Receipts,
    Verify,
)
from storage_adapters.blobs.nodes.protocol.naming import wanted_chunks

READ_SECONDS = 300.0
VERIFIED_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Sole:
    """Wanted chunks that no other node has in good order. ``is_there`` is False for a node that does not answer."""

    names: tuple[str, ...]
    is_there: bool


def entries_of(nodes: Nodes, node: Node) -> dict[str, Entry]:
    """Return all copies of a node. Raises ProtocolError, ServiceUnavailable while its inventory is not complete."""
    found: dict[str, Entry] = {}
    sums = nodes.ask(node, GetInventory(), READ_SECONDS)
    assert isinstance(sums, Inventory)
    complete = sums.complete
    for partition in sorted(sums.partitions):
        page = nodes.ask(node, GetPartition(partition), READ_SECONDS)
        assert isinstance(page, InventoryPage)
        complete = complete and page.complete and page.boot_id == sums.boot_id
        found |= page.entries
    if not complete:
        raise ServiceUnavailable(f"node {node.node_id} still reads its disk", {"id": node.node_id})
    return found


def verify(nodes: Nodes, node: Node, names: Iterable[str]) -> Iterator[Receipts]:
    """Have a node read copies and compare their hashes; damaged ones go into its quarantine. Raises ProtocolError."""
    listed = list(names)
    for start in range(0, len(listed), VERIFIED_AT_ONCE):
        receipts = nodes.ask(node, Verify(tuple(listed[start : start + VERIFIED_AT_ONCE])), READ_SECONDS)
        assert isinstance(receipts, Receipts)
        yield receipts


def sole_copies(controller: Controller, node_id: str) -> Sole:
    """Return the wanted chunks that only this node has, or that only it has in good order.

    The copies of the others are read for this. Raises ServiceUnavailable when another node does not answer: it may
    have the only other copy.
    """
    layout = controller.layouts.load()
    others = [node for node in layout.registered if node.node_id != node_id]
    wanted = WantedNames(controller.core)
    held: dict[str, dict[str, Entry]] = {}
    for node in others:
        try:
            held[node.node_id] = entries_of(controller.nodes, node)
        except ProtocolError as error:
            details = {"id": node.node_id}
            raise ServiceUnavailable(f"node {node.node_id} does not answer: {error}", details) from error
        wanted.see(held[node.node_id])
    own = _own_entries(controller, layout.node(node_id))
    wanted.see(own or {})
    # Metadata after the inventories, as in a census.
    blobs = {each.chunk_id: each for each in wanted.walk()}
    copies = Counter(name for entries in (*held.values(), own or {}) for name in entries)
    chunks = wanted_chunks(blobs, copies, copies.__getitem__, layout.min_write).values()
    needed = {each.chunk_id for each in chunks if each.stored or each.chunk_id in (own or {})}
    elsewhere = {name for entries in held.values() for name in entries}
    good = elsewhere if own is None else _verified(controller, others, held, needed & set(own))
    return Sole(tuple(sorted(name for name in needed - good if own is None or name in own)), own is not None)


def remove(controller: Controller, node_id: str, *, accept_loss: int = 0, accept_fewer_copies: bool = False) -> Sole:
    """Remove a node from the layout. Raises Conflict when it has more sole copies than ``accept_loss``.

    Raises Conflict when too few nodes are left for all copies, unless ``accept_fewer_copies``; ServiceUnavailable as
    ``sole_copies``, NotFound.
    """
    if not accept_fewer_copies:
        require_enough(controller.layouts.load(), node_id, controller.layouts.out())
    sole = sole_copies(controller, node_id)
    if len(sole.names) > accept_loss:
        details = {"id": node_id, "chunks": len(sole.names), "first": list(sole.names[:10])}
        message = f"{len(sole.names)} chunks that files need have no other good copy"
        raise Conflict(message, details)
    controller.layouts.set_state(node_id, "removed", accept_fewer_copies=accept_fewer_copies)
    forget(controller.core, node_id)
    reports.ask(controller.core)
    return sole


def _own_entries(controller: Controller, node: Node) -> dict[str, Entry] | None:
    try:
        return entries_of(controller.nodes, node)
    except (ProtocolError, ServiceUnavailable):
        return None


def _verified(
    controller: Controller, others: list[Node], held: dict[str, dict[str, Entry]], names: set[str]
) -> set[str]:
    """Return the names of which another node has just read a good copy."""
    good: set[str] = set()
    for node in others:
        try:
            for receipts in verify(controller.nodes, node, sorted((names - good) & set(held[node.node_id]))):
                good |= set(receipts.good)
        except ProtocolError as error:
            raise ServiceUnavailable(f"node {node.node_id} does not answer: {error}", {"id": node.node_id}) from error
    return good
