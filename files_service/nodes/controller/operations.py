"""Requests of an operator to the nodes."""

from __future__ import annotations

from collections.abc import Iterable

from files_service.errors import ServiceUnavailable
from files_service.nodes.controller.controller import Controller
from files_service.nodes.controller.removal import entries_of, verify
from storage_adapters.blobs.nodes.protocol.errors import ProtocolError
from storage_adapters.blobs.nodes.protocol.layout import Node
from storage_adapters.blobs.nodes.protocol.messages import GetInventory, Inventory, Moved, RestoreChunks


def count_chunks(controller: Controller) -> dict[str, int | None]:
    """Ask all nodes; return the number of chunks of each, None for one that does not answer."""
    replies = controller.nodes.ask_all(controller.layouts.load().registered, GetInventory())
    return {
        node_id: sum(each.count for each in reply.partitions.values()) if isinstance(reply, Inventory) else None
        for node_id, reply in replies.items()
    }


def restore_chunks(controller: Controller, names: Iterable[str]) -> tuple[set[str], list[str]]:
    """Restore chunks from the trash; return those that are there now, and the ids of nodes that do not answer."""
    replies = controller.nodes.ask_all(controller.layouts.load().registered, RestoreChunks(tuple(names)))
    back = {name for reply in replies.values() if isinstance(reply, Moved) for name in reply.chunk_ids}
    return back, [node_id for node_id, reply in replies.items() if not isinstance(reply, Moved)]


def read_copies(controller: Controller, node: Node) -> tuple[int, list[str]]:
    """Have a node read all its copies; return their number, and the names of bad ones. Raises ServiceUnavailable."""
    bad: list[str] = []
    try:
        names = sorted(entries_of(controller.nodes, node))
        for receipts in verify(controller.nodes, node, names):
            bad += [*receipts.damaged, *receipts.unread]
    except ProtocolError as error:
        raise ServiceUnavailable(f"node {node.node_id} does not answer: {error}", {"id": node.node_id}) from error
    return len(names), bad
