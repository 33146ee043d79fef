"""Duration of the syncer's ``verify`` for equal stores, by number of files."""

from __future__ import annotations

import os
import statistics
import threading
from collections.abc import Sequence
from contextlib import closing
from itertools import zip_longest
from pathlib import Path

from benchmarks.filling import fill, records
from benchmarks.tables import Table
from storage_adapters import open_metadata_store, sync_name
from syncer.metrics import Metrics
from syncer.pair import Pair, pair_of
from syncer.verification import verify
from tests.servers.couchdb import throw_away

SIZES = (10_000, 100_000, 1_000_000)
# A server that adds up all rows for every sum.
MOST_IN_STAND_IN = 100_000
# Written in pieces: after a million files at once, every request for the index would time out.
INDEXED_AT_ONCE = 50_000
COMPARISONS = 9


def compare(redis: str, couchdb: str, folder: Path, *, sizes: Sequence[int] = SIZES) -> Table:
    """Fill pairs of stores and compare them at each size."""
    table = Table(
        "`verify` where both stores hold the same",
        ["files", "Redis and SQLite ms", "Redis and CouchDB ms"],
        note=(
            f"Median of {COMPARISONS} comparisons of the sums, which is all that equal stores need. Goal: no growth "
            "and less than 2 000 at a million. The stand-in for CouchDB that the tests install keeps no sums in its "
            f"views: it adds up all rows each time, so with it the last column grows, and ends at {MOST_IN_STAND_IN:,} "
            "files. CouchDB, by `COUCHDB_URL`, reads them from the inner nodes of its trees."
        ),
    )
    most = sizes[-1] if os.environ.get("COUCHDB_URL") else MOST_IN_STAND_IN
    with throw_away(couchdb, timeout_seconds=600) as couch_url:
        columns = [
            _column(f"{redis}?prefix=sqlite", f"sqlite:///{folder}/compared.db", sizes),
            _column(f"{redis}?prefix=couchdb", couch_url, [size for size in sizes if size <= most]),
        ]
    for size, *cells in zip_longest(sizes, *columns, fillvalue="-"):
        table.rows.append([f"{size:,}", *map(str, cells)])
    return table


def _column(source_url: str, target_url: str, sizes: Sequence[int]) -> list[str]:
    cells, filled = [], 0
    source, target = open_metadata_store(source_url), open_metadata_store(target_url)
    with closing(pair_of(source, target, source_name="", name=sync_name(target_url))) as pair:
        for size in sizes:
            for start in range(filled, size, INDEXED_AT_ONCE):
                for store in (source, target):
                    fill(store, records(start, min(size, start + INDEXED_AT_ONCE)))
                _seconds(pair)
            filled = size
            seconds = [_seconds(pair) for _ in range(COMPARISONS)]
            cells.append(f"{statistics.median(seconds) * 1000:,.1f}")
    return cells


def _seconds(pair: Pair) -> float:
    verdict = verify(pair, Metrics(), threading.Event(), wait_seconds=0, tell=print)
    assert verdict.equal
    return verdict.seconds
