"""files.list on each store at several sizes, beside redis-filtered-sort on the same Redis, and the load by lists."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks import list_load
from benchmarks.drivers import Driver
from benchmarks.filling import records
from benchmarks.list_questions import DEEP_PAGE, PAGE, QUESTIONS, peer_questions_of, questions_of
from benchmarks.list_stores import SMALL, Filled, filled_stores
from benchmarks.peers import fsort
from benchmarks.tables import Table, percentile, spread
from files_service.api import METHODS
from files_service.core import Core
from storage_adapters import JSON

SIZES = (10_000, 100_000, 1_000_000)
STORES = ("redis", "couchdb", "sqlite")
ROUNDS = 5
CALLS = 200
PEER_SECONDS = 3.0  # limit for one list in one round, once one call has finished
PEER_CALLS = 10

# The parameters of each list, for each store and number of files.
Asked = dict[tuple[str, int], dict[str, JSON]]
# Store, files and list; for each round the times of its calls in milliseconds.
Times = dict[tuple[str, int, str], list[list[float]]]


def measure(
    *,
    sizes: Sequence[int] = SIZES,
    stores: Sequence[str] = STORES,
    rounds: int = ROUNDS,
    folder: Path | None = None,
) -> list[Table]:
    """Fill all stores, in a folder that is kept if one is named; query all in turns on the same machine."""
    with (
        tempfile.TemporaryDirectory() as throw_away,
        filled_stores(folder or Path(throw_away), stores, sizes, keep=folder is not None) as filled,
    ):
        return tables_of(filled, rounds)


def tables_of(filled: Sequence[Filled], rounds: int) -> list[Table]:
    """Measure filled stores."""
    asked = {(each.store, each.files): questions_of(each.core, each.files) for each in filled}
    times = _times(filled, asked, rounds)
    tables = [_table(filled, times, rounds)]
    redis = [each for each in filled if each.store == "redis"]
    if redis:
        beside = [each for each in redis if each.files <= SMALL]
        peer_bytes = {each.files: fsort.fill(each.port, records(0, each.files)) for each in beside}
        tables.append(_peer_table(beside, asked, rounds))
        tables.append(list_load.measure(redis, asked, rounds=rounds))
        tables.append(_memory_table(redis, peer_bytes))
    return tables


def _times(filled: Sequence[Filled], asked: Asked, rounds: int) -> Times:
    """Query each store once, in turn."""
    times: Times = {}
    for _ in range(rounds):
        for name in QUESTIONS:
            found: dict[tuple[str, int], list[float]] = {key: [] for key in asked}
            for _ in range(CALLS):
                for each in filled:
                    key = each.store, each.files
                    found[key].append(_time(each.core, asked[key][name]))
            for (store, files), taken in found.items():
                times.setdefault((store, files, name), []).append(taken)
    return times


def _time(core: Core, params: JSON) -> float:
    start = time.perf_counter()
    METHODS["files.list"](params, core)
    return (time.perf_counter() - start) * 1000


def _table(filled: Sequence[Filled], times: Times, rounds: int) -> Table:
    sizes = sorted({each.files for each in filled})
    table = Table(
        f"files.list, {PAGE} files a page",
        ["store", "list", *(f"p50 / p99 ms at {size:,}" for size in sizes), "p50 ratio", "p99 ratio"],
        note=(
            f'METHODS["files.list"] in one process over a core, without a transport. {rounds} rounds of {CALLS} calls '
            "of each list; the stores and sizes are asked in turns, call by call. Medians of the rounds' p50 and p99; "
            "the ratios, of most files to fewest, are taken round by round: median (least-greatest). "
            "200 owners and one that has 5 % of all files, 40 tags, one to four on a file. "
            f"The deep page is number {DEEP_PAGE:,}, or the last one where there are fewer, reached by cursors. "
            "The unselective filter finds nothing: a call looks at 2,000 files and returns a cursor. "
            "Goal for the ratio of p99: at most 1.5."
        ),
    )
    for store in dict.fromkeys(each.store for each in filled):
        own = [each.files for each in filled if each.store == store]
        for name in QUESTIONS:
            cells = [_both(times[store, size, name]) if size in own else "" for size in sizes]
            small, large = times[store, own[0], name], times[store, own[-1], name]
            table.rows.append(
                [store, name, *cells, *(spread(_ratios(small, large, share), 2) for share in (0.5, 0.99))]
            )
    return table


def _ratios(small: list[list[float]], large: list[list[float]], share: float) -> list[float]:
    return [percentile(b, share) / percentile(a, share) for a, b in zip(small, large, strict=True)]


def _both(rounds: Sequence[Sequence[float]]) -> str:
    p50, p99 = (median(percentile(taken, share) for taken in rounds) for share in (0.5, 0.99))
    return f"{p50:.2f} / {p99:.2f}"


def _peer_table(beside: Sequence[Filled], asked: Asked, rounds: int) -> Table:
    table = Table(
        "The same lists by redis-filtered-sort, on the same Redis",
        ["files", "list", "files.list ms", "redis-filtered-sort ms", "times as long", "from its cache ms"],
        note=(
            f"{' and '.join(fsort.PACKAGES)} in Node, as its users call it: sort the ids of an index, filter, read the "
            "page's hashes; the list is made anew, as it is after each write to the index. Until then the package "
            "reads the list it has finished, which is the last column; an empty list is never kept. "
            f"{rounds} rounds of {PEER_CALLS} calls of each, of the peer no more than {PEER_SECONDS:g} s, in turns: "
            "p50 / greatest of all. The "
            "unselective filter is one call of files.list, which ends with a cursor after 2,000 files; the peer looks "
            "at all of them. Goal at 100,000 for p50: at least 20 times as long."
        ),
    )
    for each in beside:
        with fsort.driver(each.port) as peer:
            for name, wanted in peer_questions_of(each.files).items():
                ours: list[float] = []
                fresh: list[float] = []
                kept: list[float] = []
                for _ in range(rounds):
                    ours += [_time(each.core, asked[each.store, each.files][name]) for _ in range(PEER_CALLS)]
                    fresh += _peer_times(peer, wanted)
                    kept += fsort.times(peer, wanted, calls=PEER_CALLS, fresh=False) if QUESTIONS[name].found else []
                table.rows.append(
                    [
                        f"{each.files:,}",
                        name,
                        f"{median(ours):.2f} / {max(ours):.2f}",
                        f"{median(fresh):,.1f} / {max(fresh):,.1f}",
                        f"{median(fresh) / median(ours):,.0f}",
                        f"{median(kept):.2f}" if kept else "never kept",
                    ]
                )
    return table


def _peer_times(peer: Driver, wanted: JSON) -> list[float]:
    end = time.perf_counter() + PEER_SECONDS
    taken: list[float] = []
    while not taken or (len(taken) < PEER_CALLS and time.perf_counter() < end):
        taken += fsort.times(peer, wanted, calls=1, fresh=True)
    return taken


def _memory_table(redis: Sequence[Filled], peer_bytes: dict[int, float]) -> Table:
    table = Table(
        "Memory of Redis per file",
        ["files", "files service, bytes", "redis-filtered-sort, bytes"],
        note=(
            "Growth of used_memory from empty to full. Ours holds the record, six orders of every list it stands in, "
            "counters and digest, and an empty change feed, as after its consumers have passed it; an entry takes "
            "about 900 bytes until then. The peer holds a hash and sets of ids, and no orders. Goal: 2,048 bytes."
        ),
    )
    for each in redis:
        peer = peer_bytes.get(each.files)
        own = f"{each.bytes_per_file:,.0f}" if each.bytes_per_file is not None else ""
        table.rows.append([f"{each.files:,}", own, f"{peer:,.0f}" if peer is not None else ""])
    return table


if __name__ == "__main__":
    for result in measure():
        print(result.markdown())
