"""Removal of chunks that the metadata no longer want."""

from __future__ import annotations

from dataclasses import dataclass

from storage_adapters.blobs.nodes.protocol.effects import Call, Step, Together
from storage_adapters.blobs.nodes.protocol.errors import ChunkUnavailable, NodeError, NodeUnavailable
from storage_adapters.blobs.nodes.protocol.layout import Layout, Node
from storage_adapters.blobs.nodes.protocol.messages import Moved, TrashChunks


@dataclass(frozen=True, slots=True)
class Removed:
    """Nodes that have no copy any more, and silent ones: a census moves their copies to the trash later."""

    confirmed: tuple[str, ...]
    owed: tuple[str, ...]


def remove(layout: Layout, chunk_ids: tuple[str, ...], timeout: float = 10.0) -> Step[Removed]:
    """Move at most ``IDS_AT_ONCE`` chunks to the trash of every node that answers.

    The names are never used again, so no epoch is needed. A node whose disk is away is like one that is silent. Raises
    ChunkUnavailable when no node confirmed, or one answered with another error.
    """
    nodes = layout.registered
    answers = yield Together(tuple(_trash(node, chunk_ids, timeout) for node in nodes))
    pairs = list(zip(nodes, answers, strict=True))
    confirmed = tuple(node.node_id for node, answer in pairs if isinstance(answer, Moved))
    errors = [answer for answer in answers if isinstance(answer, NodeError)]
    failed = [error for error in errors if not isinstance(error, NodeUnavailable)]
    if not confirmed or failed:
        raise ChunkUnavailable(f"{len(confirmed)} of {len(nodes)} nodes confirmed") from next(iter(failed), None)
    return Removed(confirmed, tuple(node.node_id for node, answer in pairs if not isinstance(answer, Moved)))


def _trash(node: Node, chunk_ids: tuple[str, ...], timeout: float) -> Step[Moved]:
    moved: Moved = yield Call(node.node_id, TrashChunks(chunk_ids, "removed"), timeout)
    return moved
