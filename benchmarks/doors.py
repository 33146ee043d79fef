"""Uploads by every door beside @tus/server and a raw loop, downloads of chunks, and memory, in one run.

``python -m benchmarks doors``; run it on an idle machine.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.blobs import _rpc
from benchmarks.door_clients import Blocks, receive, send_raw, send_rest, send_tus, send_websocket
from benchmarks.peers import tus_server
from benchmarks.processes import SECRETS, free_port, peak_memory_mib, running, wait_for_port
from benchmarks.tables import Table, spread
from files_service.gateway.auth.bearer import make_token

SIZE = int(os.environ.get("BENCH_DOOR_BYTES", 1 << 30))
ROUNDS = 4
STREAMS = 8
SUSTAINED = 8
GOAL_BYTES = 50 * 10**9

Send = Callable[[], object]


def measure(*, size: int = SIZE, rounds: int = ROUNDS) -> list[Table]:
    """Run everything against one gateway, one raw loop and one @tus/server."""
    token = make_token("bench", SECRETS["FILES_JWT_SECRET"], 86_400)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port, raw, raw_out, peer = (free_port() for _ in range(4))
        config = folder / "config.yaml"
        packaged = Path(__file__).parent.parent / "config.yaml"
        config.write_text(packaged.read_text() + f"  form_upload_bytes: {2 << 30}\n")
        environ = {"FILES_DATA_DIR": str(folder / "data"), "FILES_HTTP": f"127.0.0.1:{port}"}
        (folder / "sink").mkdir()
        with (
            running(
                "-m", "files_service.cli", "--config", str(config), "gateway", log=folder / "gateway.log", **environ
            ) as gateway,
            running("-m", "benchmarks.raw_socket", "receive", str(raw), str(folder / "sink"), log=folder / "in.log"),
            running("-m", "benchmarks.raw_socket", "send", str(raw_out), str(folder), log=folder / "out.log"),
            tus_server.serving(peer, folder / "peer"),
        ):
            for each in (port, raw, raw_out, peer):
                wait_for_port(each)
            blocks = Blocks()
            sends: dict[str, Send] = {
                "raw loop": partial(send_raw, raw, blocks, size),
                "tus": partial(send_tus, port, token, blocks, size),
                "WebSocket": partial(send_websocket, port, token, blocks, size),
                "REST": partial(send_rest, port, token, blocks, size),
                "@tus/server": partial(send_tus, peer, "", blocks, size, "/tus"),
            }
            single = _single(sends, size, rounds)
            eight = _eight(
                {
                    "raw loop, one after another": lambda: _in_turns(lambda: send_raw(raw, Blocks(), size // STREAMS)),
                    "tus": lambda: _at_once(lambda: send_tus(port, token, Blocks(), size // STREAMS)),
                    "WebSocket": lambda: _at_once(lambda: send_websocket(port, token, Blocks(), size // STREAMS)),
                    "@tus/server": lambda: _at_once(lambda: send_tus(peer, "", Blocks(), size // STREAMS, "/tus")),
                },
                size,
                rounds,
            )
            again = _again(port, token, size)
            down = _downloads(port, raw_out, token, folder, size, rounds)
            sustained = _sustained(port, token, size)
            memory = Table("Memory of the gateway through all of this", ["figure", "value"])
            memory.rows.append(["peak resident memory", f"{peak_memory_mib(gateway.pid) * 2**20 / 1e6:.0f} MB"])
            memory.rows.append(["goal", "128 MB"])
    return [single, eight, again, down, sustained, memory]


def _single(sends: dict[str, Send], size: int, rounds: int) -> Table:
    rates = _rates(sends, size, rounds)
    table = Table(
        f"One verified upload of {size >> 20} MiB",
        ["by", "MB/s", "of the raw loop", "times @tus/server"],
        note=(
            "The raw loop receives, hashes (SHA-256), writes and syncs in one thread; @tus/server neither hashes nor "
            "syncs. The doors hash each chunk and the whole. Goals: 0.8 and 1.5."
        ),
    )
    for name, values in rates.items():
        of_raw = [one / other for one, other in zip(values, rates["raw loop"], strict=True)]
        of_peer = [one / other for one, other in zip(values, rates["@tus/server"], strict=True)]
        table.rows.append([name, spread(values), spread(of_raw, 2), spread(of_peer, 2)])
    return table


def _eight(sends: dict[str, Send], size: int, rounds: int) -> Table:
    rates = _rates(sends, size, rounds)
    table = Table(f"{STREAMS} uploads at once of {size // STREAMS >> 20} MiB each", ["by", "MB/s together"])
    table.rows.extend([name, spread(values)] for name, values in rates.items())
    return table


def _again(port: int, token: str, size: int) -> Table:
    """Upload the same content again: nothing is written, and the limit is the hash of each chunk."""
    blocks = Blocks(same=True)
    first = _rate(size, lambda: send_tus(port, token, blocks, size))
    # Pending writes of other processes are not counted.
    os.sync()
    before = _written()
    second = _rate(size, lambda: send_tus(port, token, blocks, size))
    written = _written() - before
    table = Table("The same content again, by tus", ["upload", "MB/s", "written to disks meanwhile"])
    table.rows.append(["first", spread([first]), ""])
    table.rows.append(["second", spread([second]), f"{written >> 20} MiB"])
    table.rows.append(["SHA-256 alone, in one thread", spread([_rate(size, lambda: _hash(blocks, size))]), ""])
    return table


def _hash(blocks: Blocks, size: int) -> None:
    digest = hashlib.sha256()
    for block in blocks.of(size):
        digest.update(block)


def _downloads(port: int, raw_out: int, token: str, folder: Path, size: int, rounds: int) -> Table:
    file_id = send_tus(port, token, Blocks(), size)
    _rpc(port, "files.process", {"file_id": file_id})
    with (folder / "whole").open("wb") as whole:
        for block in Blocks().of(size):
            whole.write(block)
    head = f"GET /api/files/{file_id}/download HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    sends: dict[str, Send] = {
        "chunks, by REST": lambda: receive(port, f"{head}Authorization: Bearer {token}\r\n\r\n".encode(), size),
        "sendfile(2) of one file": lambda: receive(raw_out, b"whole\n", size),
    }
    for send in sends.values():
        send()
    rates = _rates(sends, size, rounds)
    table = Table(f"Download of {size >> 20} MiB", ["of", "MB/s"], note="Both are in the page cache. Goal: 0.9.")
    table.rows.extend([name, spread(values)] for name, values in rates.items())
    ratios = [one / other for one, other in zip(*rates.values(), strict=True)]
    table.rows.append(["ratio, pair by pair", spread(ratios, 2)])
    return table


def _sustained(port: int, token: str, size: int) -> Table:
    seconds = []
    for _ in range(SUSTAINED):
        start = time.perf_counter()
        _at_once(lambda: send_tus(port, token, Blocks(), size // 2), streams=2)
        seconds.append(time.perf_counter() - start)
    rate = SUSTAINED * size / sum(seconds)
    table = Table(
        "Sustained, two uploads by tus at a time",
        ["figure", "value"],
        note="Goal: 50 GB in 90 s. Every chunk is hashed and synced before it counts, so the rate is that of the disk.",
    )
    table.rows.append(["bytes sent", f"{SUSTAINED * size / 1e9:.1f} GB"])
    table.rows.append(["rate", f"{rate / 1e6:,.0f} MB/s"])
    table.rows.append(["50 GB at this rate, extrapolated", f"{GOAL_BYTES / rate:,.0f} s"])
    return table


def _rates(sends: dict[str, Send], size: int, rounds: int) -> dict[str, list[float]]:
    """Run all in turns, each round starting with another one."""
    rates: dict[str, list[float]] = {name: [] for name in sends}
    names = list(sends)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            rates[name].append(_rate(size, sends[name]))
            os.sync()
    return rates


def _rate(size: int, run: Send) -> float:
    start = time.perf_counter()
    run()
    return size / (time.perf_counter() - start) / 1e6


def _at_once(send: Send, streams: int = STREAMS) -> None:
    threads = [threading.Thread(target=send) for _ in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _in_turns(send: Send) -> None:
    for _ in range(STREAMS):
        send()


def _written() -> int:
    """Return the bytes written to all disks of this machine so far."""
    sectors = 0
    for path in Path("/sys/block").glob("*/stat"):
        sectors += int(path.read_text().split()[6])
    return sectors * 512


if __name__ == "__main__":
    for table in measure():
        print(table.markdown(), flush=True)
