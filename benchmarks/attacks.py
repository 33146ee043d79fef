"""A gateway under attack by many peers: latency of others, memory and log, beside the same gateway at rest."""

from __future__ import annotations

import http.client
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from benchmarks.processes import SECRETS, free_port, peak_memory_mib, running, wait_for_port
from benchmarks.tables import Table, percentile
from files_service.gateway.auth.bearer import make_token

SECONDS = 12.0
ATTACKERS = 3_000
GOAL_TIMES, GOAL_MB, GOAL_LOG = 3, 256, 1.0
_HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 4_000
_HANDSHAKE = (
    b"GET /ws/upload HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: files-upload.v1\r\n"
)
_PONGS = b"\x8a\x80\0\0\0\0" * 10_000

Attack = Callable[[int, threading.Event, ExitStack], None]


def measure() -> list[Table]:
    """Measure the gateway at rest, and during each attack."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        log = folder / "log"
        environ = {"FILES_DATA_DIR": str(folder / "data"), "FILES_HTTP": f"127.0.0.1:{port}"}
        with running("-m", "files_service.cli", "gateway", log=log, **environ) as gateway:
            wait_for_port(port)
            _requests(port, 1.0)
            idle = _requests(port, SECONDS)
            table = Table(
                "Other owners during an attack",
                [
                    "attack",
                    "p95 of /healthz, ms",
                    "times idle",
                    "p95 of an upload of 1 KiB, ms",
                    "times idle",
                    "log, MB/min",
                ],
                note=(
                    "The attackers are peers of their own, on the same cores as gateway and measurement. Goals: "
                    f"at most {GOAL_TIMES} times idle, {GOAL_LOG:g} MB of log in a minute."
                ),
            )
            table.rows.append(["none", f"{idle[0]:.1f}", "1.0", f"{idle[1]:.1f}", "1.0", ""])
            for title, attack in _ATTACKS.items():
                table.rows.append([title, *_attacked(port, attack, idle, log)])
            memory = Table("Memory of the gateway through all of this", ["figure", "value"])
            memory.rows.append(["peak resident memory", f"{peak_memory_mib(gateway.pid) * 2**20 / 1e6:.0f} MB"])
            memory.rows.append(["goal", f"{GOAL_MB} MB"])
    return [table, memory]


def _attacked(port: int, attack: Attack, idle: tuple[float, float], log: Path) -> list[str]:
    stop, logged = threading.Event(), log.stat().st_size
    with ExitStack() as held:
        attacker = threading.Thread(target=attack, args=(port, stop, held))
        attacker.start()
        health, upload = _requests(port, SECONDS)
        rate = (log.stat().st_size - logged) / SECONDS * 60 / 1e6
        stop.set()
        attacker.join()
    return [f"{health:.1f}", f"{health / idle[0]:.1f}", f"{upload:.1f}", f"{upload / idle[1]:.1f}", f"{rate:.2f}"]


def _requests(port: int, seconds: float) -> tuple[float, float]:
    """Return the p95 of both requests in milliseconds, each on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {make_token('honest', SECRETS['FILES_JWT_SECRET'], 3_600)}"}
    times: tuple[list[float], list[float]] = ([], [])
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for kind, (method, path, body) in enumerate(
            (("GET", "/healthz", None), ("POST", "/api/files/upload?name=a", b"x" * 1_024))
        ):
            started = time.perf_counter()
            connection.request(method, path, body, headers)
            connection.getresponse().read()
            times[kind].append((time.perf_counter() - started) * 1_000)
        time.sleep(0.02)
    connection.close()
    return percentile(times[0], 0.95), percentile(times[1], 0.95)


def _connect(port: int, held: ExitStack, address: str) -> socket.socket:
    return held.enter_context(socket.create_connection(("127.0.0.1", port), 60, (address, 0)))


def _unfinished_heads(port: int, stop: threading.Event, held: ExitStack) -> None:
    """Open connections that never finish their headers, again and again."""
    while not stop.is_set():
        with ExitStack() as round_, suppress(OSError):
            for number in range(ATTACKERS):
                if stop.is_set():
                    break
                _connect(port, round_, f"127.0.0.{2 + number % 3}").sendall(_HEAD)
            stop.wait(1)


def _idle_websockets(port: int, stop: threading.Event, held: ExitStack) -> None:
    """Hold WebSockets of one owner that begin no upload."""
    token = make_token("attacker", SECRETS["FILES_JWT_SECRET"], 3_600).encode()
    for _ in range(256):
        _connect(port, held, "127.0.0.5").sendall(_HANDSHAKE + b"Authorization: Bearer " + token + b"\r\n\r\n")
    stop.wait()


def _pongs(port: int, stop: threading.Event, held: ExitStack) -> None:
    """Send empty pongs on the WebSockets of strangers as fast as they are read."""
    strangers: list[socket.socket] = []
    while not stop.is_set():
        while len(strangers) < 8:
            strangers.append(_connect(port, held, "127.0.0.6"))
            strangers[-1].sendall(_HANDSHAKE + b"\r\n")
            strangers[-1].setblocking(False)
        for each in list(strangers):
            try:
                each.send(_PONGS)
            except BlockingIOError:
                continue
            except OSError:
                strangers.remove(each)
        stop.wait(0.005)


def _preambles(port: int, stop: threading.Event, held: ExitStack) -> None:
    """Send forms that begin with megabytes of newlines."""
    token = make_token("attacker", SECRETS["FILES_JWT_SECRET"], 3_600).encode()
    head = (
        b"POST /api/files/upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        b"Content-Length: 30000000\r\nAuthorization: Bearer " + token + b"\r\n\r\n"
    )
    while not stop.is_set():
        with ExitStack() as round_, suppress(OSError):
            connection = _connect(port, round_, "127.0.0.7")
            connection.sendall(head)
            while not stop.is_set():
                connection.sendall(b"\n" * 100_000)


def _scrapes(port: int, stop: threading.Event, held: ExitStack) -> None:
    """Ask for the metrics on many connections."""
    while not stop.is_set():
        with ExitStack() as round_, suppress(OSError):
            asked = [_connect(port, round_, "127.0.0.8") for _ in range(16)]
            for each in asked:
                each.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            for each in asked:
                while each.recv(65_536):
                    pass


_ATTACKS: dict[str, Attack] = {
    f"{ATTACKERS} unfinished heads": _unfinished_heads,
    "256 idle WebSockets of one owner": _idle_websockets,
    "empty pongs of strangers": _pongs,
    "forms of 30 MB of newlines": _preambles,
    "scrapes of /metrics": _scrapes,
}
