"""Chunks on three file nodes of this machine, beside the local store, in turns of one run.

``python -m benchmarks nodes``; run it on an idle machine.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.memory import FullMemory
from benchmarks.node_limits import limits
from benchmarks.tables import Table, spread
from storage_adapters import BlobStore, SupportsWholeWrites, open_blob_store
from tests.nodes.clusters import OPTIONS
from tests.nodes.processes import NodesInProcesses

MIB = 1 << 20
CHUNK = 4 * MIB
CHUNKS = 48
THREADS = 8
ROUNDS = 8
NODES = 3
LOCAL, TWICE, OVER_NODES = "file://", "file://, written twice", "nodes://"
_NOW = 1_800_000_000_000
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Spent:
    """Seconds of the clock, and of processors: of the caller's process, and of all nodes together."""

    wall: list[float] = field(default_factory=list)
    adapter: list[float] = field(default_factory=list)
    nodes: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Subject:
    """A way to keep chunks: by one store, or by several at the same time."""

    stores: tuple[BlobStore, ...]
    pool: ThreadPoolExecutor

    def write(self, turn: int, chunks: list[tuple[bytes, str]]) -> None:
        """Store the chunks under new keys."""
        each = [(store, number) for number in range(len(chunks)) for store in self.stores]
        list(self.pool.map(lambda item: _write(item[0], f"{turn}/{item[1]}", *chunks[item[1]]), each))

    def read(self, turn: int, chunks: list[tuple[bytes, str]], *, compared: bool) -> None:
        """Read the chunks, and compare their hashes if the caller must do so."""
        hashes = [sha256 if compared else "" for _, sha256 in chunks]
        list(self.pool.map(lambda item: self._read(f"{turn}/{item[0]}", item[1]), enumerate(hashes)))

    def stream(self, turn: int, chunks: list[tuple[bytes, str]]) -> None:
        """Store the bytes of all chunks as one blob."""
        for store in self.stores:
            store.put(f"{turn}/large", _slices(chunks), content_type="a/b", now=_NOW)

    def read_stream(self, turn: int) -> None:
        """Read the large blob."""
        for _ in self.stores[0].get(f"{turn}/large"):
            pass

    def _read(self, key: str, sha256: str) -> None:
        digest = hashlib.sha256()
        for piece in self.stores[0].get(key):
            if sha256:
                digest.update(piece)
        if sha256 and digest.hexdigest() != sha256:
            raise AssertionError(key)


def measure(*, chunks: int = CHUNKS, rounds: int = ROUNDS) -> list[Table]:
    """Run three nodes, and write and read by all ways in turns."""
    with (
        tempfile.TemporaryDirectory() as name,
        NodesInProcesses.of(Path(name), NODES) as cluster,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        opened = [open_blob_store(f"file://{name}/local{number}", OPTIONS) for number in range(3)]
        subjects = {
            LOCAL: Subject((opened[0],), pool),
            TWICE: Subject((opened[1], opened[2]), pool),
            OVER_NODES: Subject((cluster.open(),), pool),
        }
        pids = [node.pid for node in cluster.nodes]
        spent: dict[tuple[str, str], Spent] = {}
        full = FullMemory(Path(name))
        for turn in range(rounds + 1):
            full.fill()
            content = [(data, hashlib.sha256(data).hexdigest()) for data in (os.urandom(CHUNK) for _ in range(chunks))]
            for kind, works in _works(subjects, turn, content).items():
                for subject in sorted(works, reverse=bool(turn % 2)):
                    measured = spent.setdefault((kind, subject), Spent())
                    # The first turn opens connections and makes folders.
                    _time(works[subject], measured if turn else Spent(), pids)
                    os.sync()
        for store in (*opened, *subjects[OVER_NODES].stores):
            store.close()
        least = limits(Path(name))
    return [*_tables(spent, chunks * CHUNK, chunks), least]


def _works(
    subjects: dict[str, Subject], turn: int, content: list[tuple[bytes, str]]
) -> dict[str, dict[str, Callable[[], None]]]:
    one = {name: subject for name, subject in subjects.items() if name != TWICE}
    return {
        "write chunks": {name: partial(each.write, turn, content) for name, each in subjects.items()},
        "read chunks": {name: partial(each.read, turn, content, compared=False) for name, each in one.items()},
        "read chunks, compared": {
            name: partial(each.read, turn, content, compared=name != OVER_NODES) for name, each in one.items()
        },
        "write a blob": {name: partial(each.stream, turn, content) for name, each in one.items()},
        "read a blob": {name: partial(each.read_stream, turn) for name, each in one.items()},
    }


def _time(work: Callable[[], None], spent: Spent, pids: list[int]) -> None:
    started, adapter, nodes = time.perf_counter(), time.process_time(), _processor_seconds(pids)
    work()
    spent.wall.append(time.perf_counter() - started)
    spent.adapter.append(time.process_time() - adapter)
    spent.nodes.append(_processor_seconds(pids) - nodes)


def _processor_seconds(pids: list[int]) -> float:
    found = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(fields[11]) + int(fields[12]) for fields in found) / _TICKS


def _tables(spent: dict[tuple[str, str], Spent], size: int, chunks: int) -> list[Table]:
    table = Table(
        f"{chunks} chunks of {CHUNK // MIB} MiB by {THREADS} threads, and one blob of {size // MIB} MiB by one",
        ["work", "by", "MB/s", "nodes:// of it, turn by turn", "goal", "adapter ms/MB", "nodes ms/MB"],
        note=(
            "In turns of one run, median with least and greatest; of processor time the median. Each chunk gets two "
            f"copies on two of {NODES} nodes, each of which hashes it and syncs file and folder. All nodes share one "
            "disk, and the cores with the caller. The limit of two copies on one disk is the same by two local stores "
            "at the same time, which neither send nor hash. Where the hash is compared, the caller does so for "
            "file://, and nodes:// by itself, as it always does."
        ),
    )
    for (kind, name), each in spent.items():
        ours = spent[kind, OVER_NODES].wall
        ratios = [other / one for one, other in zip(ours, each.wall, strict=True)]
        ratio, goal = ("", "") if name == OVER_NODES else (spread(ratios, 2), "0.4" if "write" in kind else "0.6")
        rates = [size / seconds / 1e6 for seconds in each.wall]
        costs = [f"{statistics.median(values) / size * 1e9:.2f}" for values in (each.adapter, each.nodes)]
        table.rows.append([kind, name, spread(rates), ratio, goal, *costs])
    return [table]


def _write(store: BlobStore, key: str, data: bytes, sha256: str) -> None:
    assert isinstance(store, SupportsWholeWrites)
    store.write_whole(key, data, sha256=sha256, content_type="a/b", now=_NOW)


def _slices(chunks: list[tuple[bytes, str]]) -> Iterator[bytes]:
    for data, _ in chunks:
        for start in range(0, len(data), MIB):
            yield data[start : start + MIB]
