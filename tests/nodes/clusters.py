"""Nodes in threads of the test's process, and the store over them."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from files_service.nodes.identity import Refused
from files_service.nodes.node import FileNode
from files_service.nodes.running import NodeOptions, RunningNode
from storage_adapters import BlobOptions, open_blob_store
from storage_adapters.blobs.nodes import NodesBlobStore
from tests.nodes.controller import SECRET, SmallController
from tests.waiting import PATIENCE_SECONDS, wait_until

OPTIONS = BlobOptions(signing_key=b"k" * 32, public_url="http://files.example", nodes_secret=SECRET)


class NodeThread:
    """One node at a port of its own; it can be stopped, and started again at the same port."""

    def __init__(self, root: Path, controller: str, *, zone: str = "", cluster: str = "files") -> None:
        self.root, self._controller, self._zone, self._cluster = root, controller, zone, cluster
        self._port = 0
        self.url = ""
        self.refused: Refused | None = None
        self._thread: threading.Thread | None = None

    @property
    def node(self) -> FileNode:
        """The node that runs."""
        return self._running.node

    def start(self) -> Self:
        """Start, and return when the node serves. Raises Refused."""
        options = NodeOptions(
            root=self.root,
            host="127.0.0.1",
            port=self._port,
            url="",
            zone=self._zone,
            weight=1.0,
            controllers=(f"http://{self._controller}",),
            cluster=self._cluster,
            floor_bytes=0,
            secret=SECRET,
        )
        self._running = RunningNode(options, init=not self.root.exists())
        self._stop_reader, self._stop = os.pipe()
        ready: SimpleQueue[str | BaseException] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        told = ready.get(timeout=PATIENCE_SECONDS)
        if isinstance(told, BaseException):
            self.stop()
            raise told
        self.url, self._port = told, int(told.rpartition(":")[2])
        wait_until(lambda: self.node.driver.complete, seconds=PATIENCE_SECONDS)
        return self

    def stop(self) -> None:
        """Stop in order. Stopping twice is harmless."""
        if self._thread is None:
            return
        os.write(self._stop, b"!")
        self._thread.join(PATIENCE_SECONDS)
        self._thread = None
        os.close(self._stop)
        os.close(self._stop_reader)

    def clear(self) -> None:
        """Make the node one without chunks."""
        node = self.node
        for number, *_ in node.inventory.sums():
            for entry in node.inventory.of_partition(number):
                node.disk.path_of(number, entry.name).unlink(missing_ok=True)
                node.inventory.remove(number, entry.name)

    def _serve(self, ready: SimpleQueue[str | BaseException]) -> None:
        try:
            refused = asyncio.run(self._running.serve(self._stop_reader, on_ready=ready.put))
            if refused is not None:
                ready.put(refused)
        except BaseException as error:
            ready.put(error)


class NodesInThreads:
    """A controller and nodes, each in a zone of its own."""

    def __init__(self, folder: Path, count: int, *, copies: int = 2) -> None:
        self.folder = folder
        self.controller = SmallController(copies=copies)
        self.nodes = [
            NodeThread(folder / f"node{number}", self.controller.address, zone=f"zone{number}")
            for number in range(count)
        ]

    def __enter__(self) -> Self:
        self.controller.__enter__()
        for node in self.nodes:
            node.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self.nodes:
            node.stop()
        self.controller.stop()

    def open(self, query: str = "") -> NodesBlobStore:
        """Open a store over the nodes."""
        store = open_blob_store(f"nodes://{self.controller.address}{query}", OPTIONS)
        assert isinstance(store, NodesBlobStore)
        return store

    def of_key(self, key: str) -> list[NodeThread]:
        """Return the nodes in the order in which the index of a blob is stored."""
        from storage_adapters.blobs.nodes.protocol.layout import ranked

        order = [node.node_id for node in ranked(self.controller.layout, f"{key}~")]
        return sorted(self.nodes, key=lambda each: order.index(each.node.node_id))
