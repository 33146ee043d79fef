"""Nodes that do not answer: neither replication nor a census waits for each of their chunks."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from files_service.nodes.controller.census import driver as census_driver
from files_service.nodes.controller.census.driver import Driver
from files_service.nodes.controller.census.throttle import Throttle
from files_service.nodes.controller.nodes import Nodes
from files_service.nodes.controller.replicator import Replicator
from storage_adapters.blobs.nodes.protocol.effects import Call, Step, Together
from storage_adapters.blobs.nodes.protocol.errors import Unreachable
from storage_adapters.blobs.nodes.protocol.layout import Layout, Node
from storage_adapters.blobs.nodes.protocol.messages import Have, Present
from tests.nodes.censuses import Cluster, cluster, everywhere, stored
from tests.nodes.pings import KEYS


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path, "a", "b", "c") as running:
        yield running


def test_an_upload_waits_for_no_node_that_is_silent(nodes: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    record = stored(nodes.core)
    silent = min(min(holders) for holders in everywhere(nodes).values())
    short = [key for key, holders in everywhere(nodes).items() if silent in holders]
    nodes.stop(silent)
    controller, watch = nodes.controller(), nodes.watch()
    nodes.clock.pass_seconds(20.0)
    for name in {*nodes.nodes} - {silent}:
        nodes.ping(name)
    watch.step()
    assert watch.view.silent == {nodes.node_id(silent)}
    paused: list[float] = []
    own, sleep = threading.get_ident(), time.sleep
    monkeypatch.setattr(time, "sleep", lambda s: paused.append(s) if threading.get_ident() == own else sleep(s))
    replicator = Replicator(nodes.core, watch, lambda: controller.nodes, throttle=Throttle())
    replicator.notice(record.file_id)
    assert 0 < replicator.step() <= 60.0
    assert paused == []
    # Others have the copies meanwhile; the file is looked at again when the node may be back.
    assert {len(nodes.holders(key)) for key in short} == {2}
    assert (replicator.copied, replicator.waiting) == (0, 1)
    controller.close()


def test_chunks_that_only_a_silent_node_has_wait_for_it(nodes: Cluster) -> None:
    record = stored(nodes.core)
    key, holders = next(iter(everywhere(nodes).items()))
    silent = min(holders)
    for name in holders - {silent}:
        nodes.drop(name, key)
    assert nodes.holders(key) == {silent}
    nodes.stop(silent)
    watch = nodes.watch()
    watch.step()
    with closing(nodes.controller()) as controller:
        replicator = Replicator(nodes.core, watch, lambda: controller.nodes, throttle=Throttle())
        replicator.notice(record.file_id)
        assert 0 < replicator.step() <= 60.0
        assert (replicator.copied, replicator.waiting) == (0, 1)


def ask(*node_ids: str) -> Step[list[object]]:
    """Ask nodes, all at the same time."""
    found: list[object] = yield Together(tuple(_have(node_id) for node_id in node_ids))
    return found


def _have(node_id: str) -> Step[Present]:
    found: Present = yield Call(node_id, Have(()), 1.0)
    return found


@pytest.mark.parametrize(("probe_seconds", "is_asked"), [(3_600.0, False), (0.0, True)])
def test_a_node_that_hangs_is_asked_now_and_then_alone(
    nodes: Cluster, monkeypatch: pytest.MonkeyPatch, probe_seconds: float, is_asked: bool
) -> None:
    monkeypatch.setattr(census_driver, "SILENCES", 2)
    monkeypatch.setattr(census_driver, "PROBE_SECONDS", probe_seconds)
    other = nodes.nodes["a"]
    with closing(socket.create_server(("127.0.0.1", 0))) as hangs, closing(Nodes(KEYS)) as asked:
        hangs.setblocking(False)
        url = f"http://127.0.0.1:{hangs.getsockname()[1]}"
        layout = Layout(1, 2, 2, (Node("hangs", url), Node(other.node.node_id, other.url)))
        with closing(Driver(nodes.core, asked, layout, throttle=Throttle())) as driver:
            driver.run(ask("hangs", "hangs"))
            assert connections(hangs) == 2
            hung, answered = driver.run(ask("hangs", other.node.node_id))
            assert isinstance(hung, Unreachable)
            assert isinstance(answered, Present)
            assert connections(hangs) == is_asked


def connections(server: socket.socket) -> int:
    """Return the number of connections that were made since."""
    count = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count
