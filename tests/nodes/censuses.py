"""Censuses in one process: real nodes on folders, a controller at a gateway, and a service whose blobs are on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from files_service.core import Core
from files_service.gateway.doors.nodes import routes
from files_service.nodes.controller.census.reports import Outcome
from files_service.nodes.controller.census.runner import CensusRunner
from files_service.nodes.controller.census.throttle import Throttle
from files_service.nodes.controller.controller import Controller
from files_service.nodes.controller.layouts import Layouts
from files_service.nodes.controller.liveness import Liveness
from files_service.nodes.controller.nodes import Nodes
from files_service.nodes.controller.watch import Watch
from files_service.services.wanted_blobs import wanted_blobs
from storage_adapters import BlobOptions, FileRecord
from storage_adapters.blobs.nodes import NodesBlobStore
from storage_adapters.blobs.nodes.protocol.trimming import Limits
from tests.clocks import Clock
from tests.gateway.serving import Served, serving, wait_until
from tests.nodes.clusters import NodeThread
from tests.nodes.controller import SECRET
from tests.nodes.pings import KEYS, core_of_nodes, ping
from tests.unit.lost_bytes import chunked_file

CHUNK = 1_024
CONTENT = b"0123456789" * 300


@dataclass
class Cluster:
    """Nodes by name, their controller, and a service over them. Silence is that of ``clock``."""

    folder: Path
    served: Served
    core: Core
    clock: Clock
    liveness: Liveness
    nodes: dict[str, NodeThread] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)

    def start(self, *names: str) -> None:
        """Start nodes, each in a zone of its own, and wait until they are active."""
        for name in names:
            fresh = NodeThread(self.folder / name, f"127.0.0.1:{self.served.port}", zone=name)
            self.nodes[name] = self.nodes.get(name, fresh).start()
            self.stopped.discard(name)
        watch = self.watch()

        def all_are_active() -> bool:
            for name in names:
                self.ping(name)
            watch.step()
            active = {node.node_id for node in watch.view.layout.nodes if node.state == "active"}
            return {self.node_id(name) for name in names} <= active

        wait_until(all_are_active)

    def stop(self, name: str) -> None:
        """Stop a node; its folder stays."""
        self.nodes[name].stop()
        self.stopped.add(name)

    def stop_all(self) -> None:
        for node in self.nodes.values():
            node.stop()

    def node_id(self, name: str) -> str:
        return self.nodes[name].node.node_id

    def ping(self, name: str) -> None:
        """Let a node ping now, not only at its next time."""
        running, status = self.nodes[name], self.nodes[name].node.status()
        record = running.node.folder.record
        told = {"boot": record.boot_id, "boots": record.boots, "url": running.url, "zone": name}
        reply = ping(self.served, record.node_id, **told, cluster="files", complete=status.complete, free=status.free)
        assert reply.status in (200, 201), reply.body

    def watch(self) -> Watch:
        return Watch(self.core, Layouts(self.core), self.liveness)

    def controller(self) -> Controller:
        return Controller(self.core)

    def names(self, name: str) -> set[str]:
        """The names of the chunks of a node."""
        inventory = self.nodes[name].node.inventory
        return {entry.name for partition, *_ in inventory.sums() for entry in inventory.of_partition(partition)}

    def holders(self, key: str) -> set[str]:
        """The running nodes that have a chunk of a blob."""
        return {
            name
            for name in self.nodes
            if name not in self.stopped and any(each.startswith(f"{key}~") for each in self.names(name))
        }

    def drop(self, name: str, key: str) -> None:
        """Take the chunks of a blob from the disk of a node, behind its back."""
        node = self.nodes[name].node
        for partition, *_ in node.inventory.sums():
            for entry in node.inventory.of_partition(partition):
                if entry.name.startswith(f"{key}~"):
                    node.disk.path_of(partition, entry.name).unlink()
                    node.inventory.remove(partition, entry.name)

    def census(self, **limits: Any) -> Outcome | None:
        """Run a census for which no garbage is too young, unless ``limits`` say otherwise."""
        nodes = Nodes(KEYS)
        chosen = Limits(**{"garbage_age": -1.0, **limits})
        try:
            runner = CensusRunner(
                self.core,
                self.watch(),
                lambda: nodes,
                holder=self.core.new_id(),
                throttle=Throttle(),
                limits=chosen,
            )
            return runner.run()
        finally:
            nodes.close()


@contextmanager
def cluster(folder: Path, *names: str, metadata_url: str = "memory://") -> Iterator[Cluster]:
    """Run a cluster with these nodes, all active."""
    clock = Clock()
    bare = core_of_nodes(folder / "service", metadata_url=metadata_url, chunk_bytes=CHUNK, free_disk_bytes=0)
    with ExitStack() as opened:
        served = opened.enter_context(serving(bare, doors=(routes.DOOR,)))
        running = Cluster(folder, served, bare, clock, Liveness(clock))
        opened.callback(running.stop_all)
        running.start(*names)
        url = f"nodes://127.0.0.1:{served.port}"
        options = BlobOptions(signing_key=b"k" * 32, public_url="http://127.0.0.1", nodes_secret=SECRET)
        blobs = NodesBlobStore.from_url(url, options)
        opened.callback(blobs.close)
        running.core = replace(bare, blobs=blobs, settings=replace(bare.settings, blobs_url=url))
        yield running


def stored(core: Core) -> FileRecord:
    """Store a file of three chunks."""
    return core.metadata.get(chunked_file(core, CONTENT)["file_id"])


def keys(core: Core) -> list[str]:
    """Return the keys of the blobs that a service wants."""
    return list(dict.fromkeys(blob.key for blob in wanted_blobs(core)))


def everywhere(nodes: Cluster) -> dict[str, set[str]]:
    """Return the nodes that have each of these blobs."""
    return {key: nodes.holders(key) for key in keys(nodes.core)}
