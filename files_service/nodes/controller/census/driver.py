"""Driver of the rules of a controller: effects on nodes, documents and metadata, in threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from files_service.core import Core
from files_service.nodes.controller.census.throttle import Throttle
from files_service.nodes.controller.census.wanted import WantedNames
from files_service.nodes.controller.nodes import Nodes
from files_service.services.accounts import documents
from storage_adapters import Document, RevisionConflict, StorageError, StorageUnavailable
from storage_adapters.blobs.nodes.protocol import effects as e
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.errors import Conflict, Overtaken, ProtocolError, Uncertain, Unreachable
from storage_adapters.blobs.nodes.protocol.layout import Layout, Node
from storage_adapters.blobs.nodes.threads import ThreadDriver

T = TypeVar("T")
# Steps of a census that run at the same time: the nodes, the repairs and what these begin.
THREADS = 64
METADATA = "metadata"
# A node that let so many requests in a row wait so long is asked again after some seconds: the repairs of others wait
# behind its own, of which it may need thousands. A connection that is refused costs no time.
SILENCES = 8
SILENT_SECONDS = 0.9
PROBE_SECONDS = 10.0


class Driver(ThreadDriver):
    """Effects of one census, or of one replication. ``is_certain`` says that no other census can run now."""

    def __init__(
        self,
        core: Core,
        nodes: Nodes,
        layout: Layout,
        *,
        throttle: Throttle,
        wanted: WantedNames | None = None,
        is_certain: Callable[[], bool] = lambda: True,
        threads: int = THREADS,
    ) -> None:
        super().__init__(self._ask, lambda: layout, threads)
        self._core, self._nodes, self._layout = core, nodes, layout
        self._throttle, self._is_certain = throttle, is_certain
        self._wanted = wanted if wanted is not None else WantedNames(core)
        # Requests in a row that each node did not answer, and the time at which it is asked again.
        self._silences: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()
        self._effects |= {
            e.GetDocument: self._get,
            e.PutDocument: self._put,
            e.WalkWanted: self._walk,
            e.IsWanted: self._is_wanted,
        }

    def _ask(self, effect: e.Call) -> m.Reply:
        try:
            node = self._layout.node(effect.node_id)
        except KeyError:
            raise Unreachable(effect.node_id, "it is not registered") from None
        match effect.request:
            case m.TrashChunks():
                if not self._is_certain():
                    # The fencing epoch would refuse it as well, once the next holder has begun.
                    raise Overtaken("the lease of the census has ended")
                return self._patiently(node, effect)
            case m.Pull():
                with self._throttle.pull(effect.node_id) as count:
                    reply = self._patiently(node, effect)
                    if isinstance(reply, m.Stored):
                        count(reply.size)
                    return reply
        reply = self._patiently(node, effect)
        if isinstance(reply, m.InventoryPage):
            self._wanted.see(reply.entries)
        return reply

    def _patiently(self, node: Node, effect: e.Call) -> m.Reply:
        """Ask a node, unless it did not answer for long. Raises Unreachable, NodeError."""
        with self._lock:
            count, again_at = self._silences.get(node.node_id, (0, 0.0))
            if count >= SILENCES:
                if time.monotonic() < again_at:
                    raise Unreachable(node.node_id, "it did not answer lately")
                # The others do not wait with this one.
                self._silences[node.node_id] = count, time.monotonic() + effect.timeout
        started = time.monotonic()
        try:
            reply = self._nodes.ask(node, effect.request, effect.timeout)
        except Unreachable:
            if time.monotonic() - started >= min(SILENT_SECONDS, effect.timeout):
                with self._lock:
                    count, _ = self._silences.get(node.node_id, (0, 0.0))
                    self._silences[node.node_id] = count + 1, time.monotonic() + PROBE_SECONDS
            raise
        except ProtocolError:
            self._silences.pop(node.node_id, None)
            raise
        self._silences.pop(node.node_id, None)
        return reply

    def _get(self, effect: e.GetDocument) -> e.DocumentState:
        found = self._of_metadata(lambda: documents.find(self._core, effect.collection, effect.document_id))
        return e.DocumentState() if found is None else e.DocumentState(dict(found.body), found.revision)

    def _put(self, effect: e.PutDocument) -> e.DocumentState:
        document = Document(
            collection=effect.collection,
            document_id=effect.document_id,
            body=dict(effect.body),
            revision=effect.expected_revision,
            updated_at=self._core.clock(),
        )
        try:
            stored = documents.put(self._core, document)
        except RevisionConflict as error:
            raise Conflict(str(error)) from error
        except StorageUnavailable as error:
            raise Uncertain(str(error)) from error
        except StorageError as error:
            raise Unreachable(METADATA, str(error)) from error
        return e.DocumentState(dict(stored.body), stored.revision)

    def _walk(self, effect: e.WalkWanted) -> e.WantedPage:
        return e.WantedPage(tuple(self._of_metadata(self._wanted.walk)), None)

    def _is_wanted(self, effect: e.IsWanted) -> bool:
        return self._of_metadata(lambda: self._wanted.is_wanted(effect.chunk_id))

    def _of_metadata(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except StorageError as error:
            raise Unreachable(METADATA, str(error)) from error
