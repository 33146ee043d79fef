"""A gateway under attack by many peers: latency of others, memory and log, beside the same gateway at rest."""

from __future__ import annotations

import http.client
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.attackers import ATTACKS
from benchmarks.processes import SECRETS, free_port, peak_memory_mib, running, wait_for_port
from benchmarks.tables import Table, percentile
from files_service.gateway.auth.bearer import make_token

# Turns at rest and under attack, one after the other, so that a busy machine slows both; the rest after an attack.
TURNS = int(os.environ.get("BENCH_ATTACK_TURNS", "5"))
TURN_SECONDS = 4.0
SETTLE_SECONDS = 1.0
GOAL_TIMES, GOAL_MB, GOAL_LOG = 3, 256, 1.0
_COLUMNS = [
    "attack",
    "p95 of /healthz at rest, ms",
    "attacked, ms",
    "times",
    "p95 of an upload of 1 KiB at rest, ms",
    "attacked, ms",
    "times",
    "log, MB/min",
]
_NOTE = (
    "Medians of {turns} pairs of turns, at rest and attacked, with the least and the most of them. The attackers are a"
    " process of their own on the same cores as gateway and measurement. Goals: at most {times} times the turn at rest,"
    " {log:g} MB of log in a minute."
)


@dataclass(frozen=True, slots=True)
class Turn:
    """The p95 of both requests in a turn, in milliseconds, and the log that was written, in MB a minute."""

    health: float
    upload: float
    log: float


def measure() -> list[Table]:
    """Measure the gateway at rest and during each attack, in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        log = folder / "log"
        environ = {"FILES_DATA_DIR": str(folder / "data"), "FILES_HTTP": f"127.0.0.1:{port}"}
        with running("-m", "files_service.cli", "gateway", log=log, **environ) as gateway:
            wait_for_port(port)
            _turn(port, log)
            note = _NOTE.format(turns=TURNS, times=GOAL_TIMES, log=GOAL_LOG)
            table = Table("Other owners during an attack", _COLUMNS, note=note)
            table.rows.extend(_row(title, port, log, folder) for title in ATTACKS)
            memory = Table("Memory of the gateway through all of this", ["figure", "value"])
            memory.rows.append(["peak resident memory", f"{peak_memory_mib(gateway.pid) * 2**20 / 1e6:.0f} MB"])
            memory.rows.append(["goal", f"{GOAL_MB} MB"])
    return [table, memory]


def _row(title: str, port: int, log: Path, folder: Path) -> list[str]:
    rest, attacked = [], []
    for _ in range(TURNS):
        rest.append(_turn(port, log))
        with running("-m", "benchmarks.attackers", title, str(port), log=folder / "attackers"):
            time.sleep(SETTLE_SECONDS)
            attacked.append(_turn(port, log))
        time.sleep(SETTLE_SECONDS)
    pairs = list(zip(rest, attacked, strict=True))
    return [
        title,
        *_compared([(before.health, during.health) for before, during in pairs]),
        *_compared([(before.upload, during.upload) for before, during in pairs]),
        f"{statistics.median(turn.log for turn in attacked):.2f}",
    ]


def _compared(pairs: list[tuple[float, float]]) -> list[str]:
    times = [during / before for before, during in pairs]
    return [
        f"{statistics.median(before for before, _ in pairs):.1f}",
        f"{statistics.median(during for _, during in pairs):.1f}",
        f"{statistics.median(times):.1f} ({min(times):.1f}-{max(times):.1f})",
    ]


def _turn(port: int, log: Path) -> Turn:
    """Make both requests in turns, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {make_token('honest', SECRETS['FILES_JWT_SECRET'], 3_600)}"}
    times: tuple[list[float], list[float]] = ([], [])
    logged, begun = log.stat().st_size, time.monotonic()
    while time.monotonic() < begun + TURN_SECONDS:
        for kind, (method, path, body) in enumerate(
            (("GET", "/healthz", None), ("POST", "/api/files/upload?name=a", b"x" * 1_024))
        ):
            started = time.perf_counter()
            connection.request(method, path, body, headers)
            connection.getresponse().read()
            times[kind].append((time.perf_counter() - started) * 1_000)
        time.sleep(0.02)
    connection.close()
    written = (log.stat().st_size - logged) / (time.monotonic() - begun) * 60 / 1e6
    return Turn(percentile(times[0], 0.95), percentile(times[1], 0.95), written)
