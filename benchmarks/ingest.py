"""A memory card from its listing to its last acknowledged byte, beside a raw read of it and the raw door, in one run.

``python -m benchmarks ingest``; BENCH_CARD_BYTES is the size of the card, BENCH_FOLDER where it and the stores lie.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.blobs import _rpc
from benchmarks.cards import CLIP_BYTES, drop, make_card, read_raw
from benchmarks.door_clients import Blocks, send_tus, send_websocket
from benchmarks.memory import FullMemory
from benchmarks.processes import SECRETS, free_port, peak_memory_mib, processor_seconds, running, wait_for_port
from benchmarks.tables import Table, spread
from files_service.gateway.auth.bearer import make_token

SIZE = int(os.environ.get("BENCH_CARD_BYTES", 5 * 10**9))
ROUNDS = int(os.environ.get("BENCH_CARD_ROUNDS", 2))
LANES = 2
LEAST_OF_RAW = 0.9
MOST_READ = 1.001
MOST_OF_FIRST = 0.1
MOST_KNOWN_BYTES = 128 * 1024
_LOOK_SECONDS = 0.05
Send = Callable[[int, str, Blocks, int], str]
_READ, _INGEST = "raw read of the card", "files ingest"
_DOORS: dict[str, Send] = {"raw WebSocket, two at a time": send_websocket, "raw tus, two at a time": send_tus}

_SHARED = (
    "In turns, in one run. The raw read and the raw doors hash nothing on the side of the card; the command reads, "
    "computes two hashes and sends by tus, from its listing to the last acknowledged byte. Card and stores are on one "
    "disk, and all processes on one machine, whose cores the hashes of both sides share. "
    f"Goal: {LEAST_OF_RAW} of the lesser of card and door. Processor time is that of the client and the gateway; two "
    "cores are used up at 2 divided by it, in GB/s."
)
_APART = (
    "The same where a card is read by another machine than the service's, as far as cores go: one has all that reads "
    "and sends, another the gateway and the worker."
)


@dataclass
class Run:
    """One run of ``files ingest``: seconds until events, its last event, and the peak of its memory.

    ``fetched`` are the bytes that the system got from the disk for it until the last byte was acknowledged.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    processor: float = 0
    fetched: int = 0
    outcome: dict[str, Any] = field(default_factory=dict)
    memory_mib: float = 0


@dataclass
class Turns:
    """Rates in MB/s and processor seconds for a gigabyte of all ways in turns, and the runs of the command."""

    rates: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in (_READ, *_DOORS, _INGEST)})
    costs: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in (*_DOORS, _INGEST)})
    runs: list[Run] = field(default_factory=list)


def measure(*, size: int = SIZE, rounds: int = ROUNDS) -> list[Table]:
    """Measure a card and an identical one, beside the raw read and the raw door."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as name:
        folder = Path(name)
        card = make_card(folder / "card", size)
        total = sum(path.stat().st_size for path in card)
        full = FullMemory(folder)
        with service(folder) as (port, gateway, worker):
            shared = in_turns(folder, card, full, port, gateway.pid, rounds=rounds, owner="owner")
            # Another folder with the same content is another card; links cost no space.
            shutil.copytree(folder / "card", folder / "second", copy_function=os.link)
            drop(card)
            second = ingest(folder, port, "second", f"owner{rounds - 1}")
            memory = {
                "files ingest": max(run.memory_mib for run in (*shared.runs, second)),
                "gateway": peak_memory_mib(gateway.pid),
                "worker": peak_memory_mib(worker.pid),
            }
        tables = [_rates(shared, total, len(card), "all cores for both sides", _SHARED)]
        if len(cores := sorted(os.sched_getaffinity(0))) > 1:
            # What was removed is kept for a while, and the disk has no room for both.
            shutil.rmtree(folder / "data")
            with ExitStack() as stack:
                with on_core(cores[1]):
                    port, gateway, _ = stack.enter_context(service(folder))
                with on_core(cores[0]):
                    apart = in_turns(folder, card, full, port, gateway.pid, rounds=rounds, owner="apart")
            tables.append(_rates(apart, total, len(card), "a core for each side", _APART))
    return [*tables, _reads(shared.runs, second, total, len(card)), _memory(memory)]


def in_turns(
    folder: Path, card: list[Path], full: FullMemory, port: int, gateway: int, *, rounds: int, owner: str
) -> Turns:
    """Read the card, send as many bytes by the raw doors, and run the command, in turns."""
    total, turns = sum(path.stat().st_size for path in card), Turns()
    for number in range(rounds):
        drop(card)
        turns.rates[_READ].append(rate(total, partial(read_raw, card)))
        for name, send in _DOORS.items():
            full.fill()
            with _processor((gateway, os.getpid()), total, turns.costs[name]):
                turns.rates[name].append(total / send_raw(port, total, number, send) / 1e6)
        full.fill()
        spent = processor_seconds(gateway)
        run = ingest(folder, port, "card", f"{owner}{number}", gateway=gateway)
        turns.runs.append(run)
        turns.rates[_INGEST].append(total / run.seconds["sent"] / 1e6)
        turns.costs[_INGEST].append((run.processor - spent) / total * 1e9)
        # The next is not to share its cores with the worker.
        wait_until_processed(port, f"{owner}{number}", len(card))
    return turns


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Have this thread, and the threads and processes that it starts, run on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def send_raw(port: int, size: int, number: int, send: Send) -> float:
    """Send as many bytes as the card has by a door, without reading and hashing any; return the seconds that it took.

    The files stay until all are there, as those of a card do: a system gives memory that was just freed out faster.
    """
    token = make_token(f"raw{number}", SECRETS["FILES_JWT_SECRET"], 86_400)
    with ThreadPoolExecutor(LANES) as pool:
        started = time.perf_counter()
        sent = list(pool.map(partial(_send_clips, port, token, size // LANES), [send] * LANES))
        seconds = time.perf_counter() - started
    for file_id in chain(*sent):
        _rpc(port, "files.remove", {"file_id": file_id})
    return seconds


def _send_clips(port: int, token: str, size: int, send: Send) -> list[str]:
    blocks = Blocks()
    return [send(port, token, blocks, min(CLIP_BYTES, size - offset)) for offset in range(0, size, CLIP_BYTES)]


@contextmanager
def _processor(pids: tuple[int, ...], size: int, costs: list[float]) -> Iterator[None]:
    """Note the processor seconds of processes for a gigabyte."""
    before = sum(map(processor_seconds, pids))
    yield
    costs.append((sum(map(processor_seconds, pids)) - before) / size * 1e9)


def ingest(folder: Path, port: int, card: str, owner: str, *, gateway: int = 0) -> Run:
    """Run the command and note when each stage ended, with the processor time of it and the gateway until then."""
    environ = {
        **os.environ,
        "FILES_HTTP": f"127.0.0.1:{port}",
        "FILES_DATA_DIR": str(folder / "client"),
        "FILES_TOKEN": make_token(owner, SECRETS["FILES_JWT_SECRET"], 86_400),
        "XDG_STATE_HOME": str(folder / f"state-{card}-{owner}"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    drop([path for path in (folder / card).rglob("*") if path.is_file()])
    run, start, fetched = Run(), 0.0, 0
    command = [sys.executable, "-m", "files_service.cli", "ingest", "--json", "--wait-seconds", "0", str(folder / card)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        watcher = threading.Thread(target=_watch_memory, args=(process, run))
        watcher.start()
        for line in process.stdout:
            event, now = json.loads(line), time.perf_counter()
            match event["event"]:
                case "planned":
                    start, fetched = now, _fetched(process.pid)
                    # Loading the command is no part of the copying.
                    run.processor = -processor_seconds(process.pid)
                case "second_read":
                    run.seconds["sent"] = now - start
                    run.processor += sum(processor_seconds(pid) for pid in (process.pid, gateway) if pid)
                    run.fetched = _fetched(process.pid) - fetched
                case "verdict":
                    run.seconds["all"] = now - start
                    run.outcome = event
        watcher.join()
    assert run.outcome["ending"] == "complete", run.outcome
    return run


def _fetched(pid: int) -> int:
    [line] = [line for line in Path(f"/proc/{pid}/io").read_text().splitlines() if line.startswith("read_bytes:")]
    return int(line.split()[1])


def _watch_memory(process: subprocess.Popen[str], run: Run) -> None:
    while process.poll() is None:
        try:
            run.memory_mib = max(run.memory_mib, peak_memory_mib(process.pid))
        except (OSError, ProcessLookupError):
            return
        time.sleep(_LOOK_SECONDS)


@contextmanager
def service(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes], subprocess.Popen[bytes]]]:
    """Run a gateway and a worker on the embedded default."""
    port = free_port()
    environ = {
        "FILES_DATA_DIR": str(folder / "data"),
        "FILES_HTTP": f"127.0.0.1:{port}",
    }
    with (
        running("-m", "files_service.cli", "gateway", log=folder / "gateway.log", **environ) as gateway,
        running("-m", "files_service.cli", "worker", log=folder / "worker.log", **environ) as worker,
    ):
        wait_for_port(port)
        yield port, gateway, worker


def wait_until_processed(port: int, owner: str, count: int) -> None:
    """Return when the worker has verified all files of an owner."""
    while _rpc(port, "files.count", {"owner": owner})["by_status"].get("processed", 0) < count:
        time.sleep(_LOOK_SECONDS)


def rate(size: int, run: Any) -> float:
    """Return MB/s."""
    start = time.perf_counter()
    run()
    return size / (time.perf_counter() - start) / 1e6


def _rates(turns: Turns, total: int, files: int, place: str, note: str) -> Table:
    table = Table(
        f"A card of {total / 1e9:.1f} GB in {files} files, {place}",
        ["by", "MB/s", *(f"of {name.partition(',')[0]}" for name in _DOORS), "processor seconds for 1 GB"],
        note=note,
    )
    for name, values in turns.rates.items():
        shares = [[value / limit for value, limit in zip(values, turns.rates[door], strict=True)] for door in _DOORS]
        cost = spread(turns.costs[name], 1) if name in turns.costs else ""
        table.rows.append([name, spread(values), *(spread(each, 2) for each in shares), cost])
    return table


def _reads(firsts: list[Run], second: Run, total: int, files: int) -> Table:
    table = Table("Bytes that are read and sent, and an identical second card", ["figure", "value", "goal"])
    fetched = [run.fetched / total for run in firsts]
    table.rows.append(["fetched from the disk for the transfer, of the size", spread(fetched, 5), f"{MOST_READ}"])
    # The second reading is of all bytes.
    reads = [(run.outcome["read_bytes"] - total) / total for run in firsts]
    table.rows.append(["asked for, fast keys included, of the size", spread(reads, 5), ""])
    table.rows.append(["sent, of the size", spread([run.outcome["sent_bytes"] / total for run in firsts], 5), "1"])
    table.rows.append(["seconds with the second reading", spread([run.seconds["all"] for run in firsts], 1), ""])
    per_file = second.outcome["read_bytes"] / files
    table.rows.append(["identical card: read of each file", f"{per_file:,.0f} bytes", f"{MOST_KNOWN_BYTES:,}"])
    table.rows.append(["identical card: sent", f"{second.outcome['sent_bytes']} bytes", "0"])
    share = second.seconds["all"] / min(run.seconds["all"] for run in firsts)
    table.rows.append(["identical card: time, of the first's", f"{share:.3f}", f"{MOST_OF_FIRST}"])
    return table


def _memory(memory: dict[str, float]) -> Table:
    table = Table("Peak resident memory through all of this", ["process", "MB"])
    table.rows.extend([name, f"{value * 2**20 / 1e6:.0f}"] for name, value in memory.items())
    return table


if __name__ == "__main__":
    for table in measure():
        print(table.markdown(), flush=True)
