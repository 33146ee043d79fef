"""Writers of one blob at the same time: the steps of ``indexes`` over nodes that keep what they take, by seeds.

Links are slow and nodes are full now and then, so that writers go to different nodes. Where removals are lost, an index
of a writer that gave way may stay, and a census must not take it for the blob. Nothing else is lost: behind a broken
network two writers may both be confirmed.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from functools import partial
from typing import Any

from storage_adapters.blobs.nodes.protocol import effects as e
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.errors import (
    ChunkRemoved,
    ChunkUnavailable,
    NodeFull,
    OtherContent,
    ProtocolError,
    TooFewCopies,
    Unreachable,
)
from storage_adapters.blobs.nodes.protocol.layout import Layout, Node
from storage_adapters.blobs.nodes.protocol.naming import (
    SEPARATOR,
    generation_of,
    index_name,
    piece_names,
    wanted_chunks,
)
from storage_adapters.blobs.nodes.protocol.removing import remove
from storage_adapters.blobs.nodes.protocol.writing import Timing
from tests.simulation.kernel import Kernel, Process, Task, Violation

KEY = "owner/file/p0"
SHA = "ab" * 32
# There and back again it is longer than the time to a hedge, and shorter than the patience with a question.
_SLOW = 0.3
_FULL = 0.15


class Contest:
    """One history: nodes, writers, and the outcome of each."""

    def __init__(self, seed: int, create: Any, *, loses_removals: bool = False) -> None:
        self.kernel = Kernel(seed)
        self.lost = 0.5 if loses_removals else 0.0
        self.kernel.handlers[e.Call] = self._call
        chance = self.kernel.chance
        count = chance.randint(2, 5)
        nodes = tuple(Node(f"n{number}", f"http://n{number}", f"z{number}", 1.0) for number in range(count))
        copies = chance.randint(2, min(3, count))
        self.layout = Layout(1, copies, 2, nodes)
        self.kept: dict[str, set[str]] = {node.node_id: set() for node in nodes}
        self.removed: dict[str, set[str]] = {node.node_id: set() for node in nodes}
        self.outcomes: dict[str, ProtocolError | None] = {}
        self.slow = {(writer, node.node_id): chance.random() < 0.3 for writer in range(4) for node in nodes}
        for writer in range(chance.randint(2, 4)):
            # Clocks differ: a writer that comes later may have the older generation.
            generation = generation_of(chance.randint(1, 9), bytes([writer] * 6))
            process = Process(f"w{writer}", f"w{writer}", view=writer)
            step = self._write(create, index_name(KEY, generation, 1))
            self.kernel.after(chance.random() * 2 * _SLOW, self.kernel.spawn, process, step, _fail_on_error)

    def run(self) -> bool:
        """Run to the end and check; return True when a writer has stored its index. Raises Violation."""
        self.kernel.drain()
        confirmed = [chunk_id for chunk_id, error in self.outcomes.items() if error is None]
        if len(confirmed) > 1:
            raise Violation(f"{len(confirmed)} writers were confirmed: {self.outcomes}")
        holders = [node_id for node_id, kept in self.kept.items() if kept]
        if confirmed and len(holders) < self.layout.min_write:
            raise Violation(f"a confirmed index is on {holders}")
        left = set().union(*self.kept.values())
        if not self.lost and any(self._gave_way(chunk_id) for chunk_id in left):
            raise Violation(f"a writer that gave way left its index: {self.kept}")
        for chunk_id in confirmed:
            self._check_census(chunk_id)
        return bool(confirmed or left)

    def _gave_way(self, chunk_id: str) -> bool:
        return isinstance(self.outcomes[chunk_id], OtherContent)

    def _check_census(self, confirmed: str) -> None:
        """Raise Violation when a census would not keep a confirmed blob, or would take another for it."""
        copies = Counter(chunk_id for kept in self.kept.values() for chunk_id in kept)
        # Who gave way has removed its piece, at least where a node answered.
        copies.update({piece: 2 for each in copies.copy() if not self._gave_way(each) for piece in piece_names(each)})
        found = wanted_chunks({KEY: e.Wanted(KEY)}, copies, copies.__getitem__, self.layout.min_write)
        for chunk_id in (confirmed, *piece_names(confirmed)):
            if chunk_id not in found or not found[chunk_id].stored:
                raise Violation(f"{chunk_id} was confirmed, and the census wants {found}")

    def _write(self, create: Any, chunk_id: str) -> e.Step[None]:
        request = m.PutChunk(chunk_id, SHA, b"", first=True)
        try:
            yield from create(self.layout, request, Timing())
        except OtherContent as error:
            self.outcomes[chunk_id] = error
            with suppress(ChunkUnavailable):
                yield from remove(self.layout, (chunk_id,))
        except TooFewCopies as error:
            self.outcomes[chunk_id] = error
        else:
            self.outcomes[chunk_id] = None

    def _call(self, task: Task, effect: e.Call) -> None:
        delay = 0.001 + 0.01 * self.kernel.random()
        if self.slow[task.process.view, effect.node_id]:
            delay += _SLOW * self.kernel.random()
        self.kernel.after(delay, self._arrive, task, effect, delay)

    def _arrive(self, task: Task, effect: e.Call, delay: float) -> None:
        value: Any = None
        error: ProtocolError | None = None
        try:
            if isinstance(effect.request, m.PutChunk) and self.kernel.random() < _FULL:
                raise NodeFull("no room")
            if isinstance(effect.request, m.TrashChunks) and self.kernel.random() < self.lost:
                raise Unreachable(effect.node_id, "the removal is lost")
            value = answer(self.kept[effect.node_id], self.removed[effect.node_id], effect.request)
        except ProtocolError as found:
            error = found
        self.kernel.after(delay, partial(self.kernel.resume, task, value, error))


def answer(kept: set[str], removed: set[str], request: m.Request) -> m.Reply:
    """Answer as a node does. Raises OtherContent, ChunkRemoved."""
    match request:
        case m.PutChunk(chunk_id):
            if chunk_id in removed:
                raise ChunkRemoved("it comes late")
            if kept - {chunk_id}:
                raise OtherContent("another generation is there")
            created = chunk_id not in kept
            kept.add(chunk_id)
            return m.Stored(SHA, 0, created)
        case m.FindBlobs():
            return m.Blobs({KEY: tuple(sorted(kept))} if kept else {})
        case m.TrashChunks(chunk_ids):
            moved = kept & set(chunk_ids)
            kept -= moved
            removed.update(chunk_ids)
            return m.Moved(tuple(moved))
    raise AssertionError(f"{request} of a writer of {KEY}{SEPARATOR}")


def _fail_on_error(_: Any, error: ProtocolError | None) -> None:
    if error is not None:
        raise Violation(repr(error))
