"""files.info on a Redis on which lists run at full speed, ours and the peer's.

``python -m benchmarks.list_load URL`` is the driver of our load.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.drivers import Driver, driving
from benchmarks.filling import records
from benchmarks.list_questions import peer_questions_of
from benchmarks.list_stores import SMALL, Filled, opened_core
from benchmarks.peers import fsort
from benchmarks.tables import Table, percentile, spread
from files_service.actions import METHODS
from files_service.core import Core
from storage_adapters import JSON

SECONDS = 4.0
APART_SECONDS = 0.002
_IDS = 1_000
_IDLE, _OURS, _PEER = "none", "files.list", "redis-filtered-sort"


def measure(
    redis: Sequence[Filled], asked: dict[tuple[str, int], dict[str, JSON]], *, rounds: int, seconds: float = SECONDS
) -> Table:
    """Alternate between an idle Redis and each load, so that all meet the same machine."""
    table = Table(
        "files.info on Redis while lists run at full speed",
        ["files", "load", "lists/s", "files.info p50 ms", "p99 ms", "p99 to idle, round by round"],
        note=(
            f"{rounds} rounds of {seconds:g} s each; a call of files.info every {APART_SECONDS * 1000:g} ms. The load "
            "is another process that reads all the lists above in turn, one at a time with nothing between: ours the "
            "actions, the peer's lists made anew each time. Medians of the rounds (least-greatest). "
            "Goal for ours: at most 1.5."
        ),
    )
    for each in redis:
        with ExitStack() as stack:
            ours = stack.enter_context(driving([sys.executable, "-m", "benchmarks.list_load", each.url]))
            loads: dict[str, tuple[Driver | None, list[JSON]]] = {
                _IDLE: (None, []),
                _OURS: (ours, list(asked[each.store, each.files].values())),
            }
            if each.files <= SMALL:
                peer = stack.enter_context(fsort.driver(each.port))
                loads[_PEER] = (peer, list(peer_questions_of(each.files).values()))
            file_ids = [record.file_id for record in records(0, _IDS)]
            runs: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in loads}
            for _ in range(rounds):
                for name, (driver, lists) in loads.items():
                    runs[name].append(_run(each.core, file_ids, driver, lists, seconds))
        idle = [percentile(taken, 0.99) for _, taken in runs[_IDLE]]
        for name, found in runs.items():
            p99s = [percentile(taken, 0.99) for _, taken in found]
            table.rows.append(
                [
                    f"{each.files:,}",
                    name,
                    spread([speed for speed, _ in found]) if name != _IDLE else "",
                    spread([percentile(taken, 0.5) for _, taken in found], 2),
                    spread(p99s, 2),
                    spread([p99 / base for p99, base in zip(p99s, idle, strict=True)], 2) if name != _IDLE else "1",
                ]
            )
    return table


def _run(
    core: Core, file_ids: Sequence[str], driver: Driver | None, lists: list[JSON], seconds: float
) -> tuple[float, list[float]]:
    """Lists per second of the load, and what each call of files.info took in milliseconds."""
    if driver is not None:
        driver.send(lists=lists, seconds=seconds)
    start = time.perf_counter()
    taken = []
    while time.perf_counter() < start + seconds:
        begun = time.perf_counter()
        METHODS["files.info"]({"file_id": random.choice(file_ids)}, core)
        taken.append((time.perf_counter() - begun) * 1000)
        time.sleep(APART_SECONDS)
    calls = driver.receive()["calls"] if driver is not None else 0
    return calls / (time.perf_counter() - start), taken


def main(url: str) -> None:
    """Read lists in turn whenever asked to."""
    with tempfile.TemporaryDirectory() as folder, opened_core(url, Path(folder)) as core:
        for line in sys.stdin:
            request = json.loads(line)
            end, calls = time.monotonic() + request["seconds"], 0
            while time.monotonic() < end:
                METHODS["files.list"](request["lists"][calls % len(request["lists"])], core)
                calls += 1
            print(json.dumps({"calls": calls}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
