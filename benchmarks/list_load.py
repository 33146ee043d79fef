"""files.info on a Redis while lists run at full speed, ours and the peer's.

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
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from redis import Redis

from benchmarks.drivers import Driver, driving
from benchmarks.filling import records
from benchmarks.list_questions import peer_questions_of
from benchmarks.list_stores import SMALL, Filled, opened_core
from benchmarks.peers import fsort
from benchmarks.tables import Table, percentile, spread
from files_service.api import METHODS
from files_service.core import Core
from storage_adapters import JSON

SECONDS = 4.0
APART_SECONDS = 0.002
_IDS = 1_000
_IDLE, _OURS, _OTHER_REDIS, _PEER = "none", "files.list", "files.list on another Redis", "redis-filtered-sort"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """A driver and the lists that it reads."""

    driver: Driver
    lists: list[JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Result of one run: milliseconds of each files.info, and of each list command in Redis."""

    lists_per_second: float
    taken: list[float]
    held: dict[str, float]


def measure(
    redis: Sequence[Filled], asked: dict[tuple[str, int], dict[str, JSON]], *, rounds: int, seconds: float = SECONDS
) -> Table:
    """Alternate between an idle Redis and each load, so that all run under the same conditions."""
    table = Table(
        "files.info on Redis while lists run at full speed",
        ["files", "load", "lists/s", "Redis held, ms: p50 / p99.9", "files.info p50 ms", "p99 ms", "p99 to idle"],
        note=(
            f"{rounds} rounds of {seconds:g} s of each; a call of files.info every {APART_SECONDS * 1000:g} ms. A load "
            "is another process that reads all the lists above in turn, one at a time with nothing between: ours the "
            "actions, the peer's lists made anew each time. Redis is held for as long as it serves one command of a "
            "list, by its own clock. Our load on another Redis shows what sharing the processors costs alone. "
            "Medians of the rounds (least-greatest); the ratio is taken round by round. Goal for ours: at most 1.5."
        ),
    )
    with ExitStack() as stack:
        ours = {
            each.files: _Load(
                driver=stack.enter_context(driving([sys.executable, "-m", "benchmarks.list_load", each.url])),
                lists=list(asked[each.store, each.files].values()),
            )
            for each in redis
        }
        for number, each in enumerate(redis):
            loads: dict[str, _Load | None] = {_IDLE: None, _OURS: ours[each.files]}
            if len(redis) > 1:
                loads[_OTHER_REDIS] = ours[redis[number - 1].files]
            if each.files <= SMALL:
                lists = list(peer_questions_of(each.files).values())
                loads[_PEER] = _Load(driver=stack.enter_context(fsort.driver(each.port)), lists=lists)
            table.rows.extend(_rows(each, loads, rounds, seconds))
    return table


def _rows(redis: Filled, loads: dict[str, _Load | None], rounds: int, seconds: float) -> list[list[str]]:
    file_ids = [record.file_id for record in records(0, _IDS)]
    runs: dict[str, list[_Run]] = {name: [] for name in loads}
    with Redis(port=redis.port) as client:
        for _ in range(rounds):
            for name, load in loads.items():
                runs[name].append(_run(redis.core, client, file_ids, load, seconds))
    p99s = {name: [percentile(run.taken, 0.99) for run in found] for name, found in runs.items()}
    rows = []
    for name, found in runs.items():
        held = [run.held for run in found if run.held]
        ratios = [p99 / idle for p99, idle in zip(p99s[name], p99s[_IDLE], strict=True)]
        rows.append(
            [
                f"{redis.files:,}",
                name,
                spread([run.lists_per_second for run in found], 1) if name != _IDLE else "",
                " / ".join(f"{median(each[key] for each in held):.2f}" for key in ("p50", "p99.9")) if held else "",
                spread([percentile(run.taken, 0.5) for run in found], 2),
                spread(p99s[name], 2),
                spread(ratios, 2) if name != _IDLE else "",
            ]
        )
    return rows


def _run(core: Core, client: Redis, file_ids: Sequence[str], load: _Load | None, seconds: float) -> _Run:
    client.config_resetstat()
    start = time.perf_counter()
    if load is not None:
        load.driver.send(lists=load.lists, seconds=seconds)
    taken = []
    while time.perf_counter() < start + seconds:
        begun = time.perf_counter()
        METHODS["files.info"]({"file_id": random.choice(file_ids)}, core)
        taken.append((time.perf_counter() - begun) * 1000)
        time.sleep(APART_SECONDS)
    calls = load.driver.receive()["calls"] if load is not None else 0
    held = client.info("latencystats").get("latency_percentiles_usec_evalsha", {})
    return _Run(
        lists_per_second=calls / (time.perf_counter() - start),
        taken=taken,
        held={name: float(value) / 1000 for name, value in held.items()},
    )


def main(url: str) -> None:
    """Read lists in turn on request."""
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
