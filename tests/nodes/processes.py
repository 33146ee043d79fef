"""Nodes as processes, and the store over them."""

from __future__ import annotations

import signal
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from storage_adapters import open_blob_store
from storage_adapters.blobs.nodes import NodesBlobStore
from tests.nodes.clusters import OPTIONS
from tests.nodes.controller import SECRET, SmallController
from tests.servers.pausing import pause
from tests.servers.ports import free_ports
from tests.servers.processes import ServiceProcess
from tests.waiting import PATIENCE_SECONDS, wait_until


class NodeProcess(ServiceProcess):
    """``files node`` at a port of its own; the first start makes its folder."""

    def __init__(
        self,
        folder: Path,
        controllers: str,
        *,
        zone: str,
        root: Path | None = None,
        host: str = "127.0.0.1",
        within: tuple[str, ...] = (),
    ) -> None:
        self.root = root or folder / "node"
        (port,) = free_ports(1)
        self.url = f"http://{host}:{port}"
        options = (
            *("-m", "files_service.cli", "--config", "{config}", "node", "--data", str(self.root), "--floor", "0"),
            *("--listen", f"{host}:{port}", "--zone", zone, "--controllers", controllers),
        )
        super().__init__(folder, "", command=options, environ={"FILES_NODES_SECRET": SECRET})
        self._start = [*within, *self._command]

    def launch(self) -> None:
        """Start without waiting until it is ready."""
        is_new = not (self.root / "node.json").exists()
        self._command = [*self._start, *(["--init"] if is_new else [])]
        super().launch()

    @property
    def chunks(self) -> int:
        """The number of chunks of the node."""
        return self._metric("files_node_chunks")

    @property
    def bytes(self) -> int:
        """The bytes of the chunks of the node."""
        return self._metric("files_node_bytes")

    @property
    def is_complete(self) -> bool:
        """True when the node knows its disk."""
        return bool(self._metric("files_node_complete"))

    def _metric(self, name: str) -> int:
        text = requests.get(f"{self.url}/metrics", timeout=PATIENCE_SECONDS).text
        (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
        return int(float(line.split()[1]))

    def freeze(self) -> None:
        """Let the process do nothing until it is thawed."""
        pause(self.pid)

    def thaw(self) -> None:
        """Let the process go on."""
        self.signal(signal.SIGCONT)


class NodesInProcesses:
    """A controller in this process, and node processes, each in a zone of its own."""

    def __init__(self, controller: SmallController, nodes: list[NodeProcess]) -> None:
        self.controller, self.nodes = controller, nodes

    @classmethod
    def of(cls, folder: Path, count: int) -> Self:
        """Make nodes with folders of their own."""
        controller = SmallController()
        url = f"http://{controller.address}"
        return cls(
            controller, [NodeProcess(folder / f"n{number}", url, zone=f"zone{number}") for number in range(count)]
        )

    def __enter__(self) -> Self:
        self.controller.__enter__()
        try:
            for node in self.nodes:
                node.launch()
            wait_until(lambda: len(self.controller.pings) == len(self.nodes), seconds=PATIENCE_SECONDS)
            for node in self.nodes:
                node.wait_for_log('"event": "ready"')
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        for node in self.nodes:
            node.kill()
        self.controller.stop()

    def open(self, query: str = "") -> NodesBlobStore:
        """Open a store over the nodes."""
        store = open_blob_store(f"nodes://{self.controller.address}{query}", OPTIONS)
        assert isinstance(store, NodesBlobStore)
        return store
