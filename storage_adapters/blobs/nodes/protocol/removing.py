"""Removal of chunks that the metadata no longer want."""

from __future__ import annotations

from storage_adapters.blobs.nodes.protocol.effects import Call, Step, Together
from storage_adapters.blobs.nodes.protocol.errors import ChunkUnavailable, NodeError, NodeUnavailable
from storage_adapters.blobs.nodes.protocol.layout import Layout, Node
from storage_adapters.blobs.nodes.protocol.messages import Moved, TrashChunks


def remove(layout: Layout, chunk_ids: tuple[str, ...], timeout: float = 10.0) -> Step[None]:
    """Move at most ``IDS_AT_ONCE`` chunks to the trash of every node that answers.

    The names are never used again, so no epoch is needed. A node whose disk is away is like one that is silent: a
    census moves its copies to the trash later. Raises ChunkUnavailable when no node confirmed, or one answered with
    another error.
    """
    answers = yield Together(tuple(_trash(node, chunk_ids, timeout) for node in layout.registered))
    confirmed = sum(isinstance(answer, Moved) for answer in answers)
    errors = [answer for answer in answers if isinstance(answer, NodeError)]
    failed = [error for error in errors if not isinstance(error, NodeUnavailable)]
    if not confirmed or failed:
        raise ChunkUnavailable(f"{confirmed} of {len(answers)} nodes confirmed") from next(iter(failed), None)


def _trash(node: Node, chunk_ids: tuple[str, ...], timeout: float) -> Step[Moved]:
    moved: Moved = yield Call(node.node_id, TrashChunks(chunk_ids, "removed"), timeout)
    return moved
