"""Memory of the adapter and of a node."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from files_service.nodes.inventory import Inventory
from storage_adapters.blobs.nodes.protocol.layout import partition_of
from tests.contract.blob_scenes import MIB, NOW
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


# As the gateway runs: freed buffers go back to the system. Measured around the reads alone, too: what came before must
# not hide what comes now.
GROWTH = """
import os, sys
from pathlib import Path
from benchmarks.processes import peak_memory_mib
from files_service.runtime.memory import give_buffers_back
from storage_adapters.registry import open_blob_store
from tests.contract.blob_scenes import MIB, NOW
from tests.nodes.clusters import OPTIONS

def peak_mib():
    found = peak_memory_mib(os.getpid())
    Path("/proc/self/clear_refs").write_text("5")
    return found

def pieces(size):
    piece = os.urandom(MIB)
    for _ in range(size // MIB):
        yield piece

give_buffers_back()
url, size = sys.argv[1], int(sys.argv[2])
store = open_blob_store(url, OPTIONS)
store.put("warm", pieces(64 * MIB), content_type="a/b", now=NOW)
peak_mib()
before = peak_mib()
assert store.put("large", pieces(size), content_type="a/b", now=NOW).size == size
written = peak_mib()
assert sum(len(piece) for piece in store.get("large")) == size
print(written - before, peak_mib() - before)
store.close()
"""


def test_a_large_blob_takes_little_memory(nodes: NodesInProcesses) -> None:
    url = f"nodes://{nodes.controller.address}"
    done = run_command([sys.executable, "-c", GROWTH, url, str(SIZE)], seconds=3_000)
    assert max(float(each) for each in done.stdout.split()) < 64, done.stderr


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
        "import os, sys; from pathlib import Path; from benchmarks.processes import peak_memory_mib;"
        "from files_service.nodes.server import NodeServer;"
        "from files_service.nodes.inventory import Inventory;"
        f"found = Inventory(Path(sys.argv[1])); assert found.total()[0] == {CHUNKS};"
        # Not that of ``getrusage``, which begins with the memory of the process that started this one.
        "print(peak_memory_mib(os.getpid()))"
    )
    done = run_command([sys.executable, "-c", script, str(path)])
    assert float(done.stdout) < 150
