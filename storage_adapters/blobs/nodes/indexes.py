"""Steps about the index of a blob, which is stored only where no other generation of the blob is.

1. A writer stores the index at the first nodes in the order of the key that take it, at the same time. As soon as one
   has it, the writer asks all nodes without a copy for other generations; a node takes no second generation of a key.
   So of two writers at once at least one meets the other, however they began: where they share a node, by its refusal;
   else the one that asks later, since each asks behind its own first copy.
2. A writer that meets another generation gives way to one that has its copies, or, where both or none have, to an
   older one: it withdraws its own, makes sure of the copies of the other, and reports that the blob exists. The oldest
   waits until the others have given way. Only two writers on two sides of a broken network may both be confirmed.
3. The latest generation that a reader meets is the blob.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field

from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.effects import Call, Hedged, Now, Random, Sleep, Step, Together
from storage_adapters.blobs.nodes.protocol.errors import (
    ChunkAbsent,
    ChunkUnavailable,
    NodeError,
    OtherContent,
    ProtocolError,
    TooFewCopies,
)
from storage_adapters.blobs.nodes.protocol.layout import Layout, Node, ranked
from storage_adapters.blobs.nodes.protocol.naming import SEPARATOR
from storage_adapters.blobs.nodes.protocol.writing import FINAL, Timing

# The time in which other writers of a key give way or have their copies; later they are taken for dead.
CONTEND_SECONDS = 5.0
# A node that is silent for so long has no word in who is first.
QUICK_SECONDS = 1.0


@dataclass(slots=True)
class _Creation:
    """An index that is being stored: nodes that are not tried yet, in use, or have it, and errors.

    ``heard`` are nodes that were asked for other generations behind the first copy. Lanes run in threads: each change
    is one operation of a list.
    """

    request: m.PutChunk
    timing: Timing
    untried: list[Node]
    in_use: list[Node] = field(default_factory=list)
    stored: list[Node] = field(default_factory=list)
    failures: list[ProtocolError] = field(default_factory=list)
    heard: list[Node] = field(default_factory=list)
    first: list[None] = field(default_factory=lambda: [None])

    def is_first(self) -> bool:
        """Return True to one lane alone."""
        with suppress(IndexError):
            self.first.pop()
            return True
        return False

    def take(self) -> Node:
        """Return the next node, first of a zone that is not in use yet. Raises TooFewCopies when all were tried."""
        while nodes := list(self.untried):
            zones = {node.zone for node in list(self.in_use)}
            node = next((node for node in nodes if node.zone not in zones), nodes[0])
            # Another lane may have taken it.
            with suppress(ValueError):
                self.untried.remove(node)
                self.in_use.append(node)
                return node
        raise TooFewCopies(len(self.stored), len(self.stored) + 1, tuple(self.failures))

    def fail(self, node: Node, error: ProtocolError) -> None:
        """Give up on a node."""
        self.in_use.remove(node)
        self.failures.append(error)


def create(layout: Layout, request: m.PutChunk, timing: Timing) -> Step[None]:
    """Store the index of a new blob. Raises OtherContent when it gives way to another generation, TooFewCopies."""
    met = yield from _place(layout, request, timing)
    if not met:
        return
    key = request.chunk_id.partition(SEPARATOR)[0]
    end = (yield Now()) + CONTEND_SECONDS
    while True:
        found = yield from generations(layout, (key,), timing.attempt)
        others = found.keys() - {request.chunk_id}
        settled = {chunk_id for chunk_id, nodes in found.items() if len(nodes) >= max(2, layout.min_write)}
        if gives_way(request.chunk_id, others, settled) or (yield Now()) > end:
            raise OtherContent(f"another generation of {key} is there")
        if not others and not (yield from _place(layout, request, timing)):
            return
        yield from _pause()


def gives_way(own: str, others: AbstractSet[str], settled: AbstractSet[str]) -> bool:
    """Return True when a writer that met others must give way; ``settled`` generations have their copies.

    A settled one may be confirmed, so whoever is not settled gives way to it. Of several the oldest stays: it waits
    until the others have given way, and gives way itself to one that does not.
    """
    rivals = others & settled if settled else others
    return min(rivals, default=own) < own or (own not in settled and bool(rivals & settled))


def _place(layout: Layout, request: m.PutChunk, timing: Timing) -> Step[bool]:
    """Store the index at ``min_write`` nodes and more; return True when another generation was met.

    Raises TooFewCopies.
    """
    creation = _Creation(request, timing, ranked(layout, request.chunk_id))
    if len(creation.untried) < layout.min_write:
        raise TooFewCopies(0, layout.min_write, ())
    # Of each lane the node is chosen here: lanes do not begin at the same one.
    targets = [creation.take() for _ in range(min(layout.copies, len(creation.untried)))]
    rest = [node for node in layout.registered if node not in targets]
    lanes = tuple(_copy(creation, node, rest) for node in targets)
    outcomes = yield Together(lanes, enough=min(layout.min_write, len(lanes)))
    if any(isinstance(each, OtherContent) for each in outcomes):
        return True
    if len(creation.stored) < layout.min_write:
        raise TooFewCopies(len(creation.stored), layout.min_write, tuple(creation.failures))
    # Those that were slow or failed, and all when the lane that asks has not ended yet.
    unheard = [node for node in layout.registered if node not in creation.heard and node not in creation.stored]
    return bool(unheard) and (yield from _others(creation, unheard))


def _copy(creation: _Creation, node: Node, rest: list[Node]) -> Step[m.Stored | OtherContent]:
    """Store one copy; the lane that is the first to have one asks the nodes to which none is sent."""
    outcome = yield from _beside(creation, node)
    if isinstance(outcome, m.Stored) and creation.is_first() and (yield from _others(creation, rest)):
        return OtherContent("another node has another generation")
    return outcome


def _others(creation: _Creation, nodes: list[Node]) -> Step[bool]:
    """Return True when one of the nodes has another generation; silent ones have none, as far as is known."""
    key = creation.request.chunk_id.partition(SEPARATOR)[0]
    asked = tuple(_ask(node, m.FindBlobs((key,)), QUICK_SECONDS) for node in nodes)
    outcomes = (yield Together(asked)) if asked else []
    creation.heard += nodes
    found = [each.entries.get(key, ()) for each in outcomes if isinstance(each, m.Blobs)]
    return any(chunk_id != creation.request.chunk_id for ids in found for chunk_id in ids)


def _pause() -> Step[None]:
    chance = yield Random()
    yield Sleep(0.02 + 0.08 * chance)


def generations(layout: Layout, keys: tuple[str, ...], timeout: float) -> Step[dict[str, list[Node]]]:
    """Ask all nodes for the indexes of blobs; return the nodes of each. Raises ChunkUnavailable when none answers."""
    nodes = layout.registered
    outcomes = yield Together(tuple(_ask(node, m.FindBlobs(keys), timeout) for node in nodes))
    found: dict[str, list[Node]] = {}
    for node, outcome in zip(nodes, outcomes, strict=True):
        for chunk_ids in outcome.entries.values() if isinstance(outcome, m.Blobs) else ():
            for chunk_id in chunk_ids:
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
    """Make sure of the copies of a blob that another writer stored, once it alone is left; return its index.

    Raises ChunkAbsent when there is none any more, TooFewCopies.
    """
    end = (yield Now()) + CONTEND_SECONDS
    while True:
        found = yield from generations(layout, (key,), timing.attempt)
        if not found:
            raise ChunkAbsent(f"blob {key} was deleted")
        chunk_id, holders = max(found.items(), key=lambda item: (len(item[1]), item[0]))
        late = (yield Now()) > end
        if len(holders) >= layout.min_write and (len(found) == 1 or late):
            return chunk_id
        if late:
            yield from _pull(layout, chunk_id, holders, timing)
            return chunk_id
        yield from _pause()


def _pull(layout: Layout, chunk_id: str, holders: list[Node], timing: Timing) -> Step[None]:
    """Make the copies of an index whose writer has died. Raises TooFewCopies."""
    copies, failures = len(holders), list[ProtocolError]()
    for node in ranked(layout, chunk_id):
        if copies < layout.min_write and node not in holders:
            try:
                source = holders[0]
                yield Call(node.node_id, m.Pull(chunk_id, "", source.node_id, source.url), timing.attempt)
                copies += 1
            except ProtocolError as error:
                failures.append(error)
    if copies < layout.min_write:
        raise TooFewCopies(copies, layout.min_write, tuple(failures))


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
        creation.fail(node, error)
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
