"""The metadata store: names of chunks with their holders, and documents. A write may be applied and its answer lost."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from storage_adapters.blobs.nodes.protocol import effects as e
from storage_adapters.blobs.nodes.protocol.errors import Conflict, ProtocolError, Uncertain, Unreachable
from tests.simulation.kernel import Kernel, Task

PAGE = 5


@dataclass(frozen=True, slots=True)
class Metadata(e.Effect):
    """A write of the service: ``reserve``, ``store``, ``share`` or ``drop`` a name for a holder. Raises Conflict."""

    action: str
    key: str
    holder: str


@dataclass(slots=True)
class Name:
    """A name that at least one holder wants."""

    holders: list[str]
    stored: bool = False


class MetadataStore:
    """Handlers of the effects on metadata."""

    def __init__(self, kernel: Kernel, hashes: dict[str, str]) -> None:
        self.kernel, self.hashes = kernel, hashes
        self.names: dict[str, Name] = {}
        self.documents: dict[tuple[str, str], e.DocumentState] = {}
        self.fails = 0.02
        self.loses = 0.02
        for kind, perform, writes in (
            (Metadata, self._write, True),
            (e.GetDocument, self._get, False),
            (e.PutDocument, self._put, True),
            (e.WalkWanted, self._walk, False),
            (e.IsWanted, self._is_wanted, False),
        ):
            kernel.handlers[kind] = self._timed(perform, writes=writes)

    def _timed(self, perform: Any, *, writes: bool) -> Any:
        def handle(task: Task, effect: Any) -> None:
            self.kernel.after(0.001 + 0.02 * self.kernel.random(), self._perform, task, perform, effect, writes)

        return handle

    def _perform(self, task: Task, perform: Any, effect: Any, writes: bool) -> None:
        value, error = None, None
        chance = self.kernel.random()
        if chance < self.fails:
            error = Unreachable("metadata")
        else:
            # A request that was sent is processed, also when its sender dies.
            try:
                value = perform(effect)
            except ProtocolError as failure:
                error = failure
            if writes and chance > 1 - self.loses:
                value, error = None, Uncertain("the answer was lost")
        self.kernel.after(0.001 + 0.02 * self.kernel.random(), self.kernel.resume, task, value, error)

    def _write(self, effect: Metadata) -> None:
        name = self.names.get(effect.key)
        if effect.action == "reserve":
            self.names[effect.key] = Name([effect.holder])
        elif effect.action == "drop":
            if name is not None and effect.holder in name.holders:
                name.holders.remove(effect.holder)
                if not name.holders:
                    del self.names[effect.key]
        elif name is None or (effect.action == "store" and effect.holder not in name.holders):
            raise Conflict("nothing wants the name")
        elif effect.action == "store":
            name.stored = True
        elif not name.stored:
            raise Conflict("the bytes have not come yet")
        else:
            name.holders.append(effect.holder)
        self.kernel.note("metadata:", effect.action, effect.key, "for", effect.holder)

    def _get(self, effect: e.GetDocument) -> e.DocumentState:
        return self.documents.get((effect.collection, effect.document_id), e.DocumentState())

    def _put(self, effect: e.PutDocument) -> e.DocumentState:
        key = (effect.collection, effect.document_id)
        present = self.documents.get(key, e.DocumentState())
        if present.revision != effect.expected_revision:
            raise Conflict("another revision")
        self.documents[key] = e.DocumentState(dict(effect.body), present.revision + 1)
        return self.documents[key]

    def _walk(self, effect: e.WalkWanted) -> e.WantedPage:
        keys = sorted(self.names)
        start = 0 if effect.position is None else bisect_right(keys, effect.position)
        page = keys[start : start + PAGE]
        wanted = tuple(e.Wanted(key, self.hashes[key], stored=self.names[key].stored) for key in page)
        return e.WantedPage(wanted, page[-1] if start + PAGE < len(keys) else None)

    def _is_wanted(self, effect: e.IsWanted) -> bool:
        name = self.names.get(effect.chunk_id)
        return name is not None and name.stored
