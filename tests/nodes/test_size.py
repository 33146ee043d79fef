"""Memory of the adapter and of a node, and their throughput beside the local store."""

from __future__ import annotations

import hashlib
import os
import resource
import sqlite3
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from files_service.nodes.inventory import Inventory
from storage_adapters import BlobStore, SupportsWholeWrites, open_blob_store
from storage_adapters.blobs.nodes.protocol.layout import partition_of
from tests.contract.blob_scenes import MIB, NOW
from tests.nodes.clusters import OPTIONS
from tests.nodes.processes import NodesInProcesses
from tests.servers.commands import run_command

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(3_600)]
GIB = 1024 * MIB
CHUNKS = 1_000_000
SIZE = 5 * GIB


@pytest.fixture
def nodes(disk_path: Path) -> Iterator[NodesInProcesses]:
    with NodesInProcesses.of(disk_path, 3) as started:
        yield started


def resident_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def pieces(size: int) -> Iterator[bytes]:
    piece = os.urandom(MIB)
    for _ in range(size // MIB):
        yield piece


def test_a_large_blob_takes_little_memory(nodes: NodesInProcesses) -> None:
    store = nodes.open()
    store.put("warm", pieces(64 * MIB), content_type="a/b", now=NOW)
    before = resident_bytes()
    assert store.put("large", pieces(SIZE), content_type="a/b", now=NOW).size == SIZE
    assert sum(len(piece) for piece in store.get("large")) == SIZE
    assert resident_bytes() - before < 64 * MIB
    store.close()


def row(number: int) -> tuple[int, str, int, str, int, int]:
    """A chunk as the inventory keeps it."""
    name = f"{number:032x}/01M8MDY8648Z59ZKNSG2BGC043/p0~{number:026x}"
    return partition_of(name), name, 4 * MIB, f"{number:064x}", NOW, NOW


def test_a_node_with_a_million_chunks_takes_little_memory(disk_path: Path) -> None:
    path = disk_path / "inventory.db"
    Inventory(path).close()
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)", map(row, range(CHUNKS)))
    script = (
        "import resource, sys; from pathlib import Path; from files_service.nodes.server import NodeServer;"
        "from files_service.nodes.inventory import Inventory;"
        f"found = Inventory(Path(sys.argv[1])); assert found.total()[0] == {CHUNKS};"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"
    )
    done = run_command([sys.executable, "-c", script, str(path)])
    assert int(done.stdout) < 150 * MIB


def test_the_throughput_is_a_good_part_of_that_of_the_local_store(nodes: NodesInProcesses, disk_path: Path) -> None:
    """In turns, so that both meet the same machine."""
    local, stores = open_blob_store(f"file://{disk_path / 'local'}", OPTIONS), nodes.open()
    seconds: dict[tuple[str, str], float] = {}
    for turn in range(4):
        for name, store in (("local", local), ("nodes", stores)):
            for kind, spent in _spent(store, f"turn{turn}").items():
                seconds[name, kind] = seconds.get((name, kind), 0.0) + spent
    assert seconds["local", "write"] / seconds["nodes", "write"] >= 0.4
    assert seconds["local", "read"] / seconds["nodes", "read"] >= 0.6


def _spent(store: BlobStore, prefix: str) -> dict[str, float]:
    assert isinstance(store, SupportsWholeWrites)
    whole = store
    content = os.urandom(4 * MIB)
    sha256 = hashlib.sha256(content).hexdigest()

    def write(number: int) -> None:
        whole.write_whole(f"{prefix}/{number}", content, sha256=sha256, content_type="a/b", now=NOW)

    def read(number: int) -> None:
        digest = hashlib.sha256()
        for piece in store.get(f"{prefix}/{number}"):
            digest.update(piece)
        assert digest.hexdigest() == sha256

    found = {}
    with ThreadPoolExecutor(8) as pool:
        for kind, work in (("write", write), ("read", read)):
            started = time.monotonic()
            list(pool.map(work, range(50)))
            found[kind] = time.monotonic() - started
    return found
