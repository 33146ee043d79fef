"""Clusters in one process: real nodes on folders, a controller at a gateway, and a core whose blobs are on nodes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp import web

from files_service.core import Core
from files_service.nodes.controller.census.reports import Outcome
from files_service.nodes.controller.census.runner import CensusRunner
from files_service.nodes.controller.census.throttle import Throttle
from files_service.nodes.controller.layouts import Layouts
from files_service.nodes.controller.liveness import Liveness
from files_service.nodes.controller.nodes import Nodes
from files_service.nodes.controller.watch import Watch
from files_service.nodes.node import FileNode, initialize
from files_service.nodes.server import NodeServer
from storage_adapters import BlobOptions
from storage_adapters.blobs.nodes.calls import NodeCaller
from storage_adapters.blobs.nodes.http import SignedClient
from storage_adapters.blobs.nodes.protocol.trimming import Limits
from storage_adapters.blobs.nodes.store import NodesBlobStore
from tests.clocks import Clock
from tests.gateway.serving import Served, serving, wait_until
from tests.nodes.pings import KEYS, SECRET, core_of_nodes, ping

WAIT_SECONDS = 60


@dataclass
class RunningNode:
    """A node that serves, until it is stopped."""

    name: str
    root: Path
    node: FileNode
    runner: web.AppRunner
    server: NodeServer
    url: str


@dataclass
class Cluster:
    """Nodes, their controller, and the service over them. Ages and silence are those of ``clock``, or none."""

    folder: Path
    served: Served
    core: Core
    clock: Clock
    loop: asyncio.AbstractEventLoop
    liveness: Liveness
    nodes: dict[str, RunningNode] = field(default_factory=dict)

    def start(self, name: str, zone: str = "") -> RunningNode:
        """Start a node, whose folder is made at its first start, and let it ping."""
        root = self.folder / name
        if not root.exists():
            initialize(root, "files")
        client = SignedClient(KEYS)
        node = FileNode(root, "files", NodeCaller(client), floor_bytes=0)
        self.nodes[name] = asyncio.run_coroutine_threadsafe(self._serve(name, root, node), self.loop).result(
            WAIT_SECONDS
        )
        node.start()
        self.ping(name, zone=zone or name, complete=False)
        return self.nodes[name]

    def stop(self, name: str) -> None:
        """Stop a node; its folder stays."""
        running = self.nodes.pop(name)

        async def stop() -> None:
            await running.runner.cleanup()
            await running.server.close()

        asyncio.run_coroutine_threadsafe(stop(), self.loop).result(WAIT_SECONDS)
        running.node.close()

    def ping(self, name: str, **more: object) -> None:
        running = self.nodes[name]
        record = running.node.folder.record
        told = {"boot": record.boot_id, "boots": record.boots, "url": running.url, "zone": name, **more}
        reply = ping(self.served, record.node_id, **told)
        assert reply.status in (200, 201), reply.body

    def node_id(self, name: str) -> str:
        return self.nodes[name].node.node_id

    def names(self, name: str) -> set[str]:
        """The names of the chunks of a node."""
        inventory = self.nodes[name].node.inventory
        return {entry.name for partition, *_ in inventory.sums() for entry in inventory.of_partition(partition)}

    def holders(self, key: str) -> set[str]:
        """The nodes that have a chunk of a blob."""
        return {name for name in self.nodes if any(each.startswith(f"{key}~") for each in self.names(name))}

    def census(self, **options: Any) -> Outcome | None:
        """Run a census whose limits take no time, unless ``options`` say otherwise."""
        nodes, watch = Nodes(KEYS), Watch(self.core, Layouts(self.core), self.liveness)
        limits = Limits(**{"garbage_age": -1.0, **options})
        try:
            return CensusRunner(
                self.core, watch, lambda: nodes, holder=self.core.new_id(), throttle=Throttle(), limits=limits
            ).run()
        finally:
            nodes.close()

    def let_in(self, number: int) -> None:
        """Wait until so many nodes are active."""
        watch = Watch(self.core, Layouts(self.core), self.liveness)

        def all_are_active() -> bool:
            for name in self.nodes:
                self.ping(name, complete=self.nodes[name].node.status().complete)
            watch.step()
            return [node.state for node in watch.view.layout.nodes].count("active") >= number

        wait_until(all_are_active)

    async def _serve(self, name: str, root: Path, node: FileNode) -> RunningNode:
        server = NodeServer(node, KEYS)
        runner = web.AppRunner(server.app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        return RunningNode(name, root, node, runner, server, f"http://127.0.0.1:{port}")


@contextmanager
def cluster(folder: Path, *names: str) -> Iterator[Cluster]:
    """Run a cluster with these nodes, each in a zone of its own, all active."""
    clock = Clock()
    bare = core_of_nodes(folder / "service", clock, chunk_bytes=1_024, free_disk_bytes=0)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="nodes")
    thread.start()
    with ExitStack() as opened:
        opened.callback(loop.close)
        opened.callback(thread.join, WAIT_SECONDS)
        opened.callback(loop.call_soon_threadsafe, loop.stop)
        served = opened.enter_context(serving(bare))
        running = Cluster(folder, served, bare, clock, loop, Liveness(clock))
        opened.callback(lambda: [running.stop(name) for name in list(running.nodes)])
        for name in names:
            running.start(name)
        running.let_in(len(names))
        options = BlobOptions(signing_key=b"k" * 32, public_url="http://127.0.0.1", nodes_secret=SECRET)
        blobs = NodesBlobStore.from_url(f"nodes://127.0.0.1:{served.port}", options)
        opened.callback(blobs.close)
        url = f"nodes://127.0.0.1:{served.port}"
        running.core = replace(bare, blobs=blobs, settings=replace(bare.settings, blobs_url=url))
        yield running
