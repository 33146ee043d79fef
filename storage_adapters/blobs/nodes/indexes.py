"""Steps about the index of a blob, which is stored only where no other generation of the blob is.

1. One node after the other is asked in the order of the key until one stores the index; the other copies follow. So
   two writers meet at the first node, and one of them gives way there.
2. A writer that meets another generation anywhere withdraws its own, makes sure of the copies of the other, and
   reports that the blob exists. Two writers who begin at different nodes, because one of these is slow, may both give
   way, but are never both confirmed: the nodes of two confirmed writes have one in common.
3. The latest generation that a reader meets is the blob.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.effects import Call, Hedged, Random, Sleep, Step, Together
from storage_adapters.blobs.nodes.protocol.errors import (
    ChunkAbsent,
    ChunkUnavailable,
    NodeError,
    OtherContent,
    ProtocolError,
    TooFewCopies,
)
from storage_adapters.blobs.nodes.protocol.layout import Layout, Node, ranked
from storage_adapters.blobs.nodes.protocol.writing import FINAL, Timing


@dataclass(slots=True)
class _Creation:
    """An index that is being stored: nodes that are not tried yet, that have it, and errors of the others."""

    request: m.PutChunk
    timing: Timing
    untried: list[Node]
    stored: list[Node] = field(default_factory=list)
    failures: list[ProtocolError] = field(default_factory=list)

    def take(self) -> Node:
        """Return the next node, first of a zone without a copy. Raises TooFewCopies when all were tried."""
        if not self.untried:
            raise TooFewCopies(len(self.stored), len(self.stored) + 1, tuple(self.failures))
        zones = {node.zone for node in self.stored}
        node = next((node for node in self.untried if node.zone not in zones), self.untried[0])
        self.untried.remove(node)
        return node


def create(layout: Layout, request: m.PutChunk, timing: Timing) -> Step[None]:
    """Store the index of a new blob. Raises OtherContent when there is another generation, TooFewCopies."""
    creation = _Creation(request, timing, ranked(layout, request.chunk_id))
    if len(creation.untried) < layout.min_write:
        raise TooFewCopies(0, layout.min_write, ())
    outcomes = [(yield from _lane(creation))]
    if layout.copies > 1 and creation.untried:
        rest = min(layout.copies - 1, len(creation.untried))
        # Of each lane the node is chosen here: lanes do not begin at the same one.
        lanes = tuple(_beside(creation, creation.take()) for _ in range(rest))
        outcomes += yield Together(lanes, enough=min(layout.min_write - 1, rest))
    if refused := next((each for each in outcomes if isinstance(each, OtherContent)), None):
        raise refused
    if len(creation.stored) < layout.min_write:
        raise TooFewCopies(len(creation.stored), layout.min_write, tuple(creation.failures))


def generations(layout: Layout, key: str, timeout: float) -> Step[dict[str, list[Node]]]:
    """Ask all nodes for the indexes of a blob; return the nodes of each. Raises ChunkUnavailable when none answers."""
    nodes = layout.registered
    request = m.FindBlobs((key,))
    outcomes = yield Together(tuple(_ask(node, request, timeout) for node in nodes))
    found: dict[str, list[Node]] = {}
    for node, outcome in zip(nodes, outcomes, strict=True):
        for chunk_id in outcome.entries.get(key, ()) if isinstance(outcome, m.Blobs) else ():
            found.setdefault(chunk_id, []).append(node)
    if not any(isinstance(outcome, m.Blobs) for outcome in outcomes):
        raise ChunkUnavailable("no node answers")
    return found


def reach(layout: Layout, timeout: float) -> Step[None]:
    """Return when ``min_write`` active nodes answer. Raises TooFewCopies."""
    nodes = [node for node in layout.nodes if node.state == "active"]
    asked = tuple(_ask(node, m.Have(()), timeout) for node in nodes)
    outcomes = yield Together(asked, enough=min(layout.min_write, len(nodes)))
    answers = sum(not isinstance(outcome, ProtocolError) for outcome in outcomes)
    if answers < layout.min_write:
        failures = tuple(each for each in outcomes if isinstance(each, ProtocolError))
        raise TooFewCopies(answers, layout.min_write, failures)


def complete(layout: Layout, key: str, timing: Timing) -> Step[str]:
    """Make sure of the copies of the latest generation, which another writer stored; return its index.

    Raises ChunkAbsent when there is none any more, TooFewCopies.
    """
    found = yield from generations(layout, key, timing.attempt)
    if not found:
        raise ChunkAbsent(f"blob {key} was deleted")
    chunk_id, holders = max(found.items())
    source, failures = holders[0], list[ProtocolError]()
    for node in ranked(layout, chunk_id):
        if len(holders) < layout.min_write and node not in holders:
            try:
                yield Call(node.node_id, m.Pull(chunk_id, "", source.node_id, source.url), timing.attempt)
                holders.append(node)
            except ProtocolError as error:
                failures.append(error)
    if len(holders) < layout.min_write:
        raise TooFewCopies(len(holders), layout.min_write, tuple(failures))
    return chunk_id


def _lane(creation: _Creation) -> Step[m.Stored | OtherContent]:
    """Store one copy at the next node, and at the one after it when that one fails or is slow."""
    return (yield from _beside(creation, creation.take()))


def _beside(creation: _Creation, node: Node) -> Step[m.Stored | OtherContent]:
    outcome: m.Stored | OtherContent = yield Hedged(_store(creation, node), _lane(creation), creation.timing.hedge)
    return outcome


def _store(creation: _Creation, node: Node) -> Step[m.Stored | OtherContent]:
    """Store the index at one node; a conflict is an outcome, so that no other node is tried."""
    try:
        try:
            reply = yield from _put(creation, node)
        except FINAL:
            raise
        except ProtocolError:
            chance = yield Random()
            timing = creation.timing
            yield Sleep(timing.retry_from + chance * (timing.retry_to - timing.retry_from))
            reply = yield from _put(creation, node)
    except OtherContent as error:
        return error
    except ProtocolError as error:
        creation.failures.append(error)
        raise
    creation.stored.append(node)
    return reply


def _put(creation: _Creation, node: Node) -> Step[m.Stored]:
    reply: m.Reply = yield Call(node.node_id, creation.request, creation.timing.attempt)
    if not isinstance(reply, m.Stored) or reply.sha256 != creation.request.sha256:
        raise NodeError(f"node {node.node_id} confirmed other bytes")
    return reply


def _ask(node: Node, request: m.Request, timeout: float) -> Step[m.Reply]:
    reply: m.Reply = yield Call(node.node_id, request, timeout)
    return reply
