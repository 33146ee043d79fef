"""Reading of one copy of a chunk, to prove that each is whole: the copies are told apart by their zones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from storage_adapters.blobs.nodes.protocol.effects import Step, Together
from storage_adapters.blobs.nodes.protocol.errors import ChunkAbsent, ChunkLost, ChunkUnavailable
from storage_adapters.blobs.nodes.protocol.layout import Layout, Node, readers
from storage_adapters.blobs.nodes.protocol.messages import GetChunk, Receipts
from storage_adapters.blobs.nodes.protocol.reading import Found, Timing, by_newest, locate, search, verify


def number_of_zones(layout: Layout) -> int:
    """Return the number of zones in which copies can be told apart, 1 at the least."""
    return max(1, min(layout.copies, len({node.zone for node in layout.registered})))


def read_copy(layout: Layout, request: GetChunk, place: int, sha256: str, timing: Timing) -> Step[Found]:
    """Return a chunk or a range of it as the ``place``-th of the zones with a good copy has it, counted from 0.

    Nodes read the whole chunk from their media before, also in the zones before that one: so many zones have a good
    copy at this time, whatever earlier readings met. Raises ChunkAbsent when fewer zones have one, ChunkLost,
    ChunkUnavailable. Before a copy is called absent or lost, all nodes are asked once more, by the newest layout: it
    may have moved.
    """
    return (yield from by_newest(layout, lambda known: _read(known, request, place, sha256, timing)))


def _read(layout: Layout, request: GetChunk, place: int, sha256: str, timing: Timing) -> Step[Found]:
    chunk_id = request.chunk_id
    location = yield from locate(layout, (chunk_id,), timing.attempt)
    silent, damaged, zones = list(location.unknown), list[str](), 0
    for zone in _by_zone(readers(layout, chunk_id), location.entries[chunk_id]):
        # Bytes that memory keeps of a write prove nothing.
        answers = yield Together(tuple(verify(node.node_id, chunk_id, timing.attempt) for node in zone))
        good = []
        for node, answer in zip(zone, answers, strict=True):
            if not isinstance(answer, Receipts) or chunk_id in answer.unread:
                silent.append(node.node_id)
            elif chunk_id in answer.good and sha256 in ("", answer.good[chunk_id]):
                good.append(node)
            else:
                damaged.append(node.node_id)
        zones += bool(good)
        if zones > place:
            return (yield from search(replace(layout, nodes=tuple(good)), request, sha256, timing))
    if silent:
        raise ChunkUnavailable(f"no answer of {', '.join(silent)}")
    if damaged:
        raise ChunkLost(f"the copies of {', '.join(damaged)} are damaged or gone")
    raise ChunkAbsent(f"the zones with a copy are {zones}")


def _by_zone(nodes: list[Node], holders: Collection[str]) -> list[list[Node]]:
    zones: dict[str, list[Node]] = {}
    for node in nodes:
        if node.node_id in holders:
            zones.setdefault(node.zone, []).append(node)
    # By name: the order of readers changes with the layout.
    return [zones[zone] for zone in sorted(zones)]
