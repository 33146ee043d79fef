"""Uploads by the queue door beside a bare consumer that writes and syncs each message, in one run.

``BENCH_QUEUE_BYTES=512000000 python -m benchmarks queue``; run it on an idle machine.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.processes import SECRETS, free_port, peak_memory_mib, processor_seconds, running, wait_for_port
from benchmarks.tables import Table, spread
from files_service.api import METHODS
from files_service.config import load_settings, read_config
from files_service.core import Core
from files_service.messaging.address import open_connection
from files_service.messaging.ingest.client import QueueSender
from files_service.messaging.ingest.topology import CHUNKS
from files_service.services.opening import open_core
from files_service.services.uploads.queue_door import EXCHANGE, ROUTING_KEY
from storage_adapters import JSON
from tests.servers.rabbitmq import RabbitMQ

SIZE = int(os.environ.get("BENCH_QUEUE_BYTES", 5 * 10**9))
ROUNDS = 3
CHUNK = 4 * 2**20
WINDOW = 8
GOAL_MB, GOAL_MEMORY_MB = 80, 256


def measure(*, size: int = SIZE, rounds: int = ROUNDS) -> list[Table]:
    """Send one file by each, in turns."""
    rates: dict[str, list[float]] = {"bare consumer": [], "queue door": []}
    costs: dict[str, list[float]] = {"bare consumer": [], "queue door": []}
    memory = 0.0
    with tempfile.TemporaryDirectory() as name, RabbitMQ(Path(name) / "broker") as broker:
        for number in range(rounds):
            folder = Path(name) / str(number)
            folder.mkdir()
            rate, cost = _bare(broker.uri, folder, size)
            rates["bare consumer"].append(rate)
            costs["bare consumer"].append(cost)
            shutil.rmtree(folder)
            folder.mkdir()
            rate, cost, peak = _door(broker.uri, folder, size)
            rates["queue door"].append(rate)
            costs["queue door"].append(cost)
            memory = max(memory, peak)
            shutil.rmtree(folder)
    table = Table(
        f"One upload of {size / 1e9:.3g} GB, messages of 4 MiB",
        ["by", "MB/s", "of the bare consumer", "processor seconds for 1 GB"],
        note="From the first publish to the last answer; sender, broker and consumer share the machine. The bare "
        "consumer writes each message to a file, syncs it and answers. The worker also checks the token and two "
        "checksums, stores each chunk under its hash and keeps its place; the last answer is that of the complete "
        "file. Processor time is that of sender and consumer, without the broker, which takes about 4 s more. Other "
        "work may run on the machine at the same time: read the two beside each other.",
    )
    shares = [door / bare for door, bare in zip(rates["queue door"], rates["bare consumer"], strict=True)]
    table.rows.append(["bare consumer", spread(rates["bare consumer"]), "1", spread(costs["bare consumer"], 1)])
    table.rows.append(["queue door", spread(rates["queue door"]), spread(shares, 2), spread(costs["queue door"], 1)])
    table.rows.append(["goal on an idle machine", f"{GOAL_MB}", "", ""])
    peaks = Table("Memory of the ingest worker", ["figure", "value"])
    peaks.rows.append(["peak resident memory", f"{memory * 2**20 / 1e6:.0f} MB"])
    peaks.rows.append(["goal", f"{GOAL_MEMORY_MB} MB"])
    return [table, peaks]


def _bare(uri: str, folder: Path, size: int) -> tuple[float, float]:
    queue = "bench.bare"
    log = folder.with_suffix(".log")
    address = {"upload_id": "bare", "exchange": EXCHANGE, "routing_key": ROUTING_KEY, "token": ""}
    with running("-m", "benchmarks.peers.queue_sink", uri, queue, str(folder), log=log) as sink:
        _wait(lambda: "ready" in log.read_text())
        before = _processor(sink.pid)
        rate = asyncio.run(_send(uri, address, size, finish=False))
        cost = (_processor(sink.pid) - before) / size * 1e9
    _delete(uri, queue)
    return rate, cost


def _processor(consumer: int) -> float:
    """Return the processor seconds of the consumer and of this sender so far."""
    return processor_seconds(consumer) + processor_seconds(os.getpid())


def _door(uri: str, folder: Path, size: int) -> tuple[float, float, float]:
    port = free_port()
    environ = {
        "FILES_DATA_DIR": str(folder),
        "AMQP_URI": uri,
        "FILES_QUEUE_DOOR": "on",
        "FILES_METRICS_HTTP": f"127.0.0.1:{port}",
        "FILES_LOG_FORMAT": "json",
    }
    log = folder.with_suffix(".log")
    with (
        running("-m", "files_service.cli", "ingest-worker", log=log, **environ) as worker,
        closing(open_core(load_settings(read_config(environ={**SECRETS, **environ})))) as core,
    ):
        wait_for_port(port)
        _wait(lambda: "taking messages" in log.read_text())
        before = _processor(worker.pid)
        rate = asyncio.run(_send(uri, _begin(core, size), size, finish=True))
        cost = (_processor(worker.pid) - before) / size * 1e9
        peak = peak_memory_mib(worker.pid)
    _delete(uri, CHUNKS)
    return rate, cost, peak


def _begin(core: Core, size: int) -> JSON:
    record = METHODS["files.upload"]({"owner": "bench", "name": "clip", "parts": [{"size": size}]}, core)
    address: JSON = record["parts"][0]["amqp"]
    return address


async def _send(uri: str, address: JSON, size: int, *, finish: bool) -> float:
    block = os.urandom(CHUNK)
    window = asyncio.Semaphore(WINDOW)

    async def send(sender: QueueSender, start: int) -> None:
        try:
            # Every chunk is another one, so that none is stored already.
            await sender.send(address, start, (start.to_bytes(8, "big") + block[8:])[: size - start])
        finally:
            window.release()

    async with QueueSender(uri) as sender:
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for start in range(0, size, CHUNK):
                await window.acquire()
                group.create_task(send(sender, start))
        done: Any = await sender.finish(address, size) if finish else None
        assert done is None or done["status"] == "uploaded"
        return size / 1e6 / (time.monotonic() - began)


def _wait(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def _delete(uri: str, queue: str) -> None:
    with closing(open_connection(uri)) as connection:
        connection.channel().queue_delete(queue)
