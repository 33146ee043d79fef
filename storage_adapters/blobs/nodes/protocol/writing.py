"""Writing of a chunk: the assigned nodes first, then the next in rank; confirmed by ``min_write`` nodes or not at all.

A node that cannot take the chunk is replaced at write time, so that no write is acknowledged below ``min_write``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from storage_adapters.blobs.nodes.protocol.effects import Call, Hedged, Now, Random, Sleep, Step, Together
from storage_adapters.blobs.nodes.protocol.errors import (
    BadRequest,
    ChunkRemoved,
    HashDiffers,
    NodeError,
    NodeFull,
    OtherContent,
    ProtocolError,
    TooFewCopies,
    Unreachable,
)
from storage_adapters.blobs.nodes.protocol.layout import Layout, Node, ranked
from storage_adapters.blobs.nodes.protocol.messages import PutChunk, Receipts, Stored
from storage_adapters.blobs.nodes.protocol.reading import verify

FINAL = (BadRequest, ChunkRemoved, HashDiffers, NodeFull, OtherContent)


@dataclass(frozen=True, slots=True)
class Timing:
    """Limits in seconds. ``hedge`` is the time after which another node is tried beside a slow one."""

    attempt: float = 10.0
    total: float = 30.0
    hedge: float = 0.5
    retry_from: float = 0.1
    retry_to: float = 0.3


@dataclass(slots=True)
class Write:
    """A write under way: nodes that are not tried yet, nodes in use, and nodes that confirmed, by their ids.

    Lanes run in threads: each change is one operation of a dict or a list.
    """

    layout: Layout
    request: PutChunk
    timing: Timing
    deadline: float
    untried: dict[str, Node]
    in_use: dict[str, Node] = field(default_factory=dict)
    confirmed: dict[str, Node] = field(default_factory=dict)
    failures: list[ProtocolError] = field(default_factory=list)

    def take(self) -> Node | None:
        """Return the next node by rank, first of a zone that is not in use yet; None when all were tried."""
        while nodes := list(self.untried.values()):
            zones = {node.zone for node in list(self.in_use.values())}
            node = next((node for node in nodes if node.zone not in zones), nodes[0])
            if self.untried.pop(node.node_id, None) is not None:
                self.in_use[node.node_id] = node
                return node
        return None

    def confirm(self, node: Node) -> None:
        """Count a confirmed copy, each node once."""
        self.confirmed[node.node_id] = node

    def fail(self, node: Node, error: ProtocolError) -> None:
        """Give up on a node."""
        self.in_use.pop(node.node_id, None)
        self.failures.append(error)

    @property
    def copies(self) -> int:
        """Number of nodes that confirmed."""
        return len(self.confirmed)


def put(layout: Layout, request: PutChunk, timing: Timing | None = None) -> Step[None]:
    """Store a chunk under a name that was never used before. Raises TooFewCopies, OtherContent, HashDiffers.

    After an error copies may exist: the name must not be used again.
    """
    limits = timing or Timing()
    started = yield Now()
    by_rank = {node.node_id: node for node in ranked(layout, request.chunk_id)}
    write = Write(layout, request, limits, started + limits.total, by_rank)
    if len(write.untried) < layout.min_write:
        raise TooFewCopies(0, layout.min_write, ())
    lanes = tuple(_lane(write, limits.hedge) for _ in range(layout.copies))
    yield Together(lanes, enough=layout.min_write)
    if write.copies < layout.min_write:
        raise _reason(write)


def _lane(write: Write, hedge: float) -> Step[None]:
    """Make one copy: at the next node, and at the one after it when that one fails or is slow."""
    node = write.take()
    if node is None:
        raise TooFewCopies(write.copies, write.layout.min_write, tuple(write.failures))
    yield Hedged(_store(write, node), _lane(write, write.timing.total), hedge)


def _store(write: Write, node: Node) -> Step[None]:
    """Store the chunk at one node; a second try follows an error that may pass."""
    try:
        try:
            yield from _attempt(write, node)
        except FINAL:
            raise
        except ProtocolError:
            chance = yield Random()
            yield Sleep(write.timing.retry_from + chance * (write.timing.retry_to - write.timing.retry_from))
            yield from _attempt(write, node)
    except ProtocolError as error:
        write.fail(node, error)
        raise
    write.confirm(node)


def _attempt(write: Write, node: Node) -> Step[None]:
    left = write.deadline - (yield Now())
    if left <= 0:
        raise Unreachable(node.node_id, "the time for the write is over")
    reply = yield Call(node.node_id, write.request, min(left, write.timing.attempt))
    if not isinstance(reply, Stored) or reply.sha256 != write.request.sha256:
        raise NodeError(f"node {node.node_id} confirmed other bytes")


def _reason(write: Write) -> ProtocolError:
    refused = (error for error in write.failures if isinstance(error, OtherContent | HashDiffers))
    return next(refused, TooFewCopies(write.copies, write.layout.min_write, tuple(write.failures)))


def confirmed_again(layout: Layout, chunk_id: str, sha256: str, timing: Timing | None = None) -> Step[int]:
    """Return the number of nodes that read a chunk again and found it whole, for one that is believed to be stored."""
    limits = timing or Timing()
    calls = tuple(verify(node.node_id, chunk_id, limits.attempt) for node in layout.registered)
    answers = yield Together(calls)
    return sum(isinstance(each, Receipts) and each.good.get(chunk_id) == sha256 for each in answers)
