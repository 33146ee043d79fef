"""Node processes that are killed, frozen and copied while blobs come in."""

from __future__ import annotations

import random
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
import requests

from files_service.nodes.node import INVENTORY
from storage_adapters import BlobExists, StorageUnavailable
from storage_adapters.blobs.nodes import NodesBlobStore
from tests.contract.blob_scenes import NOW, read
from tests.nodes.processes import NodeProcess, NodesInProcesses
from tests.scale import NIGHTLY, at_scale
from tests.waiting import PATIENCE_SECONDS, wait_until

KILLS = at_scale(quick=1, default=2, nightly=200)
UPLOADS = at_scale(quick=40, default=120, nightly=2_000)
IN_FLIGHT = 16
FROZEN_SECONDS = at_scale(quick=1, default=2, nightly=60)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodesInProcesses]:
    with NodesInProcesses.of(tmp_path_factory.mktemp("processes"), at_scale(quick=3, default=3, nightly=4)) as started:
        yield started


@pytest.fixture
def store(nodes: NodesInProcesses) -> Iterator[NodesBlobStore]:
    opened = nodes.open()
    yield opened
    opened.close()


class Senders:
    """Threads that upload blobs of random sizes, each until it is acknowledged."""

    def __init__(self, store: NodesBlobStore, prefix: str, count: int) -> None:
        self._store, self._prefix, self._count = store, prefix, count
        self.seconds: list[float] = []
        self.blobs: dict[str, bytes] = {}
        self.done = threading.Event()

    def content(self, number: int) -> bytes:
        """The bytes of a blob."""
        source = random.Random(number)
        return source.randbytes(source.choice((10, 1_000, 60_000, 60_000, 5_000_000 if NIGHTLY else 300_000)))

    def run(self) -> None:
        """Upload all."""
        try:
            with ThreadPoolExecutor(IN_FLIGHT) as pool:
                list(pool.map(self._send, range(self._count)))
        finally:
            self.done.set()

    def _send(self, number: int) -> None:
        key, content = f"{self._prefix}/file{number}/p0", self.content(number)
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            started = time.monotonic()
            try:
                # It exists when the answer to an earlier attempt was lost.
                with suppress(BlobExists):
                    self._store.put(key, [content], content_type="a/b", now=NOW, declared={"size": len(content)})
            except StorageUnavailable:
                assert time.monotonic() < end, "no upload gets through"
                time.sleep(0.05)
                continue
            self.seconds.append(time.monotonic() - started)
            self.blobs[key] = content
            return


def read_patiently(store: NodesBlobStore, key: str) -> bytes:
    """Read a blob; a node that has just been started may not be asked yet."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return read(store, key)
        except StorageUnavailable:
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.mark.timeout(3_600)
def test_nothing_acknowledged_is_lost_when_nodes_are_killed(nodes: NodesInProcesses, store: NodesBlobStore) -> None:
    senders = Senders(store, "killed", UPLOADS)
    thread = threading.Thread(target=senders.run)
    thread.start()
    source = random.Random(1)
    killed = 0
    while killed < KILLS:
        node = source.choice(nodes.nodes)
        node.kill()
        node.start()
        killed += 1
    thread.join(PATIENCE_SECONDS * (10 if NIGHTLY else 1))
    assert len(senders.blobs) == UPLOADS
    for key, content in senders.blobs.items():
        assert read_patiently(store, key) == content
    listed = {info.key for info in store.scan(prefix="killed/", limit=UPLOADS + 1)}
    assert listed == set(senders.blobs)


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) * 99 // 100]


@pytest.mark.timeout(3_600)
def test_a_frozen_node_holds_up_nobody(nodes: NodesInProcesses, store: NodesBlobStore) -> None:
    count = at_scale(quick=10, default=20, nightly=500)
    before = Senders(store, "before", count)
    before.run()
    usual: list[float] = []
    for key, content in before.blobs.items():
        started = time.monotonic()
        assert read(store, key) == content
        usual.append(time.monotonic() - started)
    frozen = nodes.nodes[0]
    frozen.freeze()
    try:
        senders = Senders(store, "frozen", count)
        senders.run()
        reads: list[float] = []
        end = time.monotonic() + FROZEN_SECONDS
        blobs = {**before.blobs, **senders.blobs}
        while not reads or time.monotonic() < end:
            for key, content in blobs.items():
                started = time.monotonic()
                assert read(store, key) == content
                reads.append(time.monotonic() - started)
    finally:
        frozen.thaw()
    if NIGHTLY:
        # Beyond what the same load takes on this machine without a frozen node.
        assert p99(senders.seconds) < p99(before.seconds) + 3
        assert p99(reads) < p99(usual) + 1


def test_a_node_whose_inventory_fails_ends_and_the_next_start_reads_its_disk(
    nodes: NodesInProcesses, store: NodesBlobStore
) -> None:
    Senders(store, "failed", 10).run()
    node = nodes.nodes[0]
    chunks = node.chunks
    with closing(sqlite3.connect(node.root / INVENTORY)) as database, database:
        database.execute("DROP TABLE chunks")
    # The metrics look at the inventory; a ping may have done so before.
    with suppress(requests.ConnectionError):
        requests.get(f"{node.url}/metrics", timeout=PATIENCE_SECONDS)
    assert node.wait() == 1
    assert "the inventory failed: no such table" in node.log()
    node.start()
    wait_until(lambda: node.is_complete, seconds=PATIENCE_SECONDS)
    assert (node.chunks, chunks > 0) == (chunks, True)


def test_a_copy_of_a_folder_ends_with_status_three(nodes: NodesInProcesses, tmp_path: Path) -> None:
    node = nodes.nodes[0]
    assert node.stop() == 0
    shutil.copytree(node.root, tmp_path / "clone")
    node.start()
    clone = NodeProcess(tmp_path / "log", f"http://{nodes.controller.address}", zone="zone0", root=tmp_path / "clone")
    clone.launch()
    assert clone.wait() == 3
    assert "copy of its folder" in clone.log()


def test_an_empty_folder_ends_with_status_three(nodes: NodesInProcesses, tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "log", f"http://{nodes.controller.address}", zone="", root=tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "foreign").write_text("x")
    node.launch()
    assert node.wait() == 3
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["foreign"]
