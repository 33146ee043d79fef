"""Signed PUT and GET of 1 GiB through the gateway, beside a raw socket in the same run, and memory under load."""

from __future__ import annotations

import http.client
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.processes import SECRETS, free_port, peak_memory_mib, running, wait_for_port
from benchmarks.tables import Table, spread
from storage_adapters import JSON

SIZE = 1 << 30
ROUNDS = 6
STREAMS = 10

Runs = dict[str, Callable[[], None]]


def measure(*, size: int = SIZE, rounds: int = ROUNDS) -> list[Table]:
    """Alternate gateway and raw socket, so that both run under the same conditions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source"
        _make_source(source, size)
        port, raw_in, raw_out = free_port(), free_port(), free_port()
        environ = {"FILES_DATA_DIR": str(folder / "data"), "FILES_HTTP": f"127.0.0.1:{port}"}
        sink = folder / "sink"
        sink.mkdir()
        with (
            running("-m", "files_service.cli", "gateway", log=folder / "gateway.log", **environ) as gateway,
            running("-m", "benchmarks.raw_socket", "receive", str(raw_in), str(sink), log=folder / "in.log"),
            running("-m", "benchmarks.raw_socket", "send", str(raw_out), str(folder), log=folder / "out.log"),
        ):
            for each in (port, raw_in, raw_out):
                wait_for_port(each)
            speed = _speed(port, raw_in, raw_out, source, rounds)
            before = peak_memory_mib(gateway.pid)
            elapsed = _at_once(port, source)
            memory = Table(
                f"{STREAMS} uploads of {size >> 20} MiB at once",
                ["figure", "value"],
                rows=[
                    ["peak resident memory of the gateway before", f"{before:.0f} MiB"],
                    ["peak resident memory of the gateway after", f"{peak_memory_mib(gateway.pid):.0f} MiB"],
                    ["all streams together", f"{STREAMS * size / elapsed / 1e6:,.0f} MB/s"],
                ],
                note=("Goal: under 128 MB. The uploads run through signed PUT."),
            )
    return [speed, memory]


def _speed(port: int, raw_in: int, raw_out: int, source: Path, rounds: int) -> Table:
    size = source.stat().st_size
    runs: dict[str, list[float]] = {"put": [], "raw put": [], "get": [], "raw get": []}
    for number in range(rounds):
        record = _declare(port, size)
        part = record["parts"][0]
        puts: Runs = {"put": partial(_put, part["upload"], source), "raw put": partial(_raw_put, raw_in, source)}
        _time_both(puts, runs, size, swapped=number % 2 == 1)
        _rpc(port, "files.process", {"file_id": record["file_id"]})
        url = _rpc(port, "files.download", {"file_id": record["file_id"]})["urls"][0]
        blob = f"data/blobs/blobs/{part['key']}.blob/content"
        gets: Runs = {"get": partial(_get, url, size), "raw get": partial(_raw_get, raw_out, size, blob)}
        # One untimed run, so that both find the file in the page cache.
        gets["raw get"]()
        _time_both(gets, runs, size, swapped=number % 2 == 1)
    table = Table(
        f"Signed PUT and GET of {size >> 20} MiB",
        ["direction", "gateway MB/s", "raw MB/s", "ratio, pair by pair"],
        note=(
            f"{rounds} pairs, median (least-greatest). The raw peer of PUT reads, hashes (SHA-256), writes and syncs "
            "in one loop; that of GET is sendfile(2) of the same file, which is in the page cache. "
            "The client is the same in each pair. Goals: 0.7 and 0.9."
        ),
    )
    for name in ("put", "get"):
        ratios = [ours / raw for ours, raw in zip(runs[name], runs[f"raw {name}"], strict=True)]
        table.rows.append([name.upper(), spread(runs[name]), spread(runs[f"raw {name}"]), spread(ratios, 2)])
    return table


def _time_both(pair: Runs, runs: dict[str, list[float]], size: int, *, swapped: bool) -> None:
    """Time gateway and peer one after the other, in alternating order; then let the disk become idle."""
    for name in sorted(pair, reverse=swapped):
        runs[name].append(_rate(size, pair[name]))
    os.sync()


def _at_once(port: int, source: Path) -> float:
    size = source.stat().st_size
    records = [_declare(port, size) for _ in range(STREAMS)]
    threads = [threading.Thread(target=_put, args=(r["parts"][0]["upload"], source)) for r in records]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - start
    for record in records:
        _rpc(port, "files.remove", {"file_id": record["file_id"]})
    return elapsed


def _make_source(path: Path, size: int) -> None:
    block = os.urandom(1 << 20)
    with path.open("wb") as file:
        for _ in range(size >> 20):
            file.write(block)


def _rate(size: int, run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return size / (time.perf_counter() - start) / 1e6


def _rpc(port: int, method: str, params: JSON) -> JSON:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    headers = {"Authorization": f"Bearer {SECRETS['FILES_RPC_TOKEN']}", "Content-Type": "application/json"}
    connection.request("POST", f"/rpc/{method}", json.dumps(params), headers)
    answer: JSON = json.loads(connection.getresponse().read())
    connection.close()
    result: JSON = answer["result"]
    return result


def _declare(port: int, size: int) -> JSON:
    return _rpc(port, "files.upload", {"owner": "bench", "name": "one.bin", "parts": [{"size": size}]})


def _put(upload: JSON, source: Path) -> None:
    address = urlsplit(upload["url"])
    head = f"PUT {address.path}?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in upload["headers"].items())
    with socket.create_connection((address.hostname, address.port)) as connection, source.open("rb") as file:
        connection.sendall(f"{head}\r\n".encode())
        connection.sendfile(file)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 20"), answer[:500]


def _raw_put(port: int, source: Path) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection, source.open("rb") as file:
        connection.sendfile(file)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b"."


def _get(url: str, size: int) -> None:
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = f"GET {address.path}?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        assert _drain(connection) >= size


def _raw_get(port: int, size: int, name: str) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"{name}\n".encode())
        assert _drain(connection) == size


def _drain(connection: socket.socket) -> int:
    buffer, total = bytearray(1 << 20), 0
    while count := connection.recv_into(buffer):
        total += count
    return total


if __name__ == "__main__":
    for table in measure():
        print(table.markdown())
