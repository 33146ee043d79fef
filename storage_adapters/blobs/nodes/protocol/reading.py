"""Reading of a chunk: the assigned nodes first, then every other registered node.

A whole chunk is verified before a byte is given out. "Absent" needs the word of every registered node of the newest
layout; silence and errors of a node are never "absent".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from storage_adapters.blobs.nodes.protocol.effects import Call, FetchLayout, Hedged, Step, Together
from storage_adapters.blobs.nodes.protocol.errors import (
    ChunkAbsent,
    ChunkLost,
    ChunkUnavailable,
    HashDiffers,
    NodeError,
    ProtocolError,
    Unreachable,
)
from storage_adapters.blobs.nodes.protocol.layout import Layout, Node, readers
from storage_adapters.blobs.nodes.protocol.messages import (
    Absent,
    ChunkData,
    Entry,
    GetChunk,
    GetIndex,
    Have,
    Present,
    Receipts,
    Verify,
)


@dataclass(frozen=True, slots=True)
class Timing:
    """Limits in seconds. ``hedge`` is the time after which the next node is asked beside a slow one."""

    attempt: float = 10.0
    hedge: float = 0.05


@dataclass(frozen=True, slots=True)
class Found:
    """Bytes of a chunk, hash and size of the whole, and the nodes whose copies are missing or damaged.

    ``chunk_id`` and ``info`` are those of the reply.
    """

    data: Any
    sha256: str
    size: int
    node_id: str
    repair: tuple[str, ...]
    chunk_id: str = ""
    info: str = ""


@dataclass(frozen=True, slots=True)
class Location:
    """Nodes that confirm a copy now, and those that did not answer."""

    entries: dict[str, dict[str, Entry]]
    unknown: tuple[str, ...]


@dataclass(slots=True)
class Search:
    """A read under way: nodes to ask, and the answers that were no good copy."""

    layout: Layout
    request: GetChunk | GetIndex
    expected: str
    timing: Timing
    nodes: list[Node]
    absent: set[str] = field(default_factory=set)
    damaged: set[str] = field(default_factory=set)

    def verdict(self) -> ProtocolError:
        """Return the error of a search that found no good copy."""
        registered = {node.node_id for node in self.layout.registered}
        if registered <= self.absent:
            return ChunkAbsent(f"none of {len(registered)} nodes has a copy")
        if registered <= self.absent | self.damaged:
            return ChunkLost(f"{len(self.damaged)} copies are damaged")
        silent = sorted(registered - self.absent - self.damaged)
        return ChunkUnavailable(f"no answer of {', '.join(silent)}")


def read(layout: Layout, request: GetChunk | GetIndex, sha256: str = "", timing: Timing | None = None) -> Step[Found]:
    """Return a chunk or a range of it; a range is passed on without verification.

    Raises ChunkAbsent, ChunkLost, ChunkUnavailable. Before a chunk is called absent or lost, all are asked once more,
    by the newest layout: a node that joined since may have it, or the copy moved from a node that was not asked yet to
    one that had been asked.
    """
    return (yield from by_newest(layout, lambda known: search(known, request, sha256, timing or Timing())))


def by_newest(layout: Layout, look: Callable[[Layout], Step[Found]]) -> Step[Found]:
    """Look for a chunk by a layout, and once more by the newest one before it is called absent or lost."""
    try:
        return (yield from look(layout))
    except (ChunkAbsent, ChunkLost) as error:
        newest = yield from _newest_layout(error)
    return (yield from look(newest))


def _newest_layout(error: ProtocolError) -> Step[Layout]:
    """Return the newest layout. Raises ChunkUnavailable when no controller answers."""
    try:
        layout: Layout = yield FetchLayout()
    except Unreachable as silence:
        raise ChunkUnavailable(f"{error}, and no controller answers") from silence
    return layout


def search(layout: Layout, request: GetChunk | GetIndex, expected: str, timing: Timing) -> Step[Found]:
    """Return a chunk or a range of it from the nodes of this layout alone. Raises as ``read``."""
    asked = Search(layout, request, expected, timing, readers(layout, request.chunk_id))
    try:
        found: Found = yield from _next(asked)
    except ProtocolError as error:
        raise asked.verdict() from error
    return replace(found, repair=tuple(sorted(asked.damaged | asked.absent)))


def _next(search: Search) -> Step[Found]:
    if not search.nodes:
        raise ChunkUnavailable("every node was asked")
    node = search.nodes.pop(0)
    found: Found = yield Hedged(_fetch(search, node), _next(search), search.timing.hedge)
    return found


def _fetch(search: Search, node: Node) -> Step[Found]:
    reply = yield Call(node.node_id, search.request, search.timing.attempt)
    if isinstance(reply, Absent):
        search.absent.add(node.node_id)
        raise ChunkAbsent(f"node {node.node_id} has no copy")
    if not isinstance(reply, ChunkData):
        raise NodeError(f"node {node.node_id} gave another answer")
    if not is_good(reply, search.request, search.expected):
        search.damaged.add(node.node_id)
        raise HashDiffers(f"the copy of node {node.node_id} is damaged")
    return Found(reply.data, reply.sha256, reply.size, node.node_id, (), reply.chunk_id, reply.info)


def is_good(reply: ChunkData, request: GetChunk | GetIndex, expected: str) -> bool:
    """Return True unless the bytes are known to be wrong; those of a range cannot be checked."""
    if expected and reply.sha256 != expected:
        return False
    if request.offset or request.length is not None:
        return True
    return sha256(reply.data).hexdigest() == reply.sha256


def locate(layout: Layout, chunk_ids: tuple[str, ...], timeout: float = 10.0) -> Step[Location]:
    """Ask every registered node for at most ``IDS_AT_ONCE`` chunks: chunk id to node id to entry."""
    nodes = layout.registered
    answers = yield Together(tuple(_have(node, chunk_ids, timeout) for node in nodes))
    entries: dict[str, dict[str, Entry]] = {chunk_id: {} for chunk_id in chunk_ids}
    unknown = []
    for node, answer in zip(nodes, answers, strict=True):
        if not isinstance(answer, Present):
            unknown.append(node.node_id)
            continue
        for chunk_id, entry in answer.entries.items():
            entries[chunk_id][node.node_id] = entry
    return Location(entries, tuple(unknown))


def _have(node: Node, chunk_ids: tuple[str, ...], timeout: float) -> Step[Present]:
    present: Present = yield Call(node.node_id, Have(chunk_ids), timeout)
    return present


def verify(node_id: str, chunk_id: str, timeout: float) -> Step[Receipts]:
    """Have a node read its copy of a chunk from the medium now."""
    receipts: Receipts = yield Call(node_id, Verify((chunk_id,)), timeout)
    return receipts
