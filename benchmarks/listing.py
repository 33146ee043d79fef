"""files.list on SQLite: what a page costs at 10 000 and at 100 000 files, first page and deep."""

from __future__ import annotations

import random
import tempfile
import time

from benchmarks.tables import Table
from files_service.actions import METHODS
from files_service.config import load_settings, read_config
from files_service.core import Core, open_core
from storage_adapters import JSON, Access, FileRecord, FileStatus, Part

SIZES = (10_000, 100_000)
OWNERS = 20
DEEP_PAGES = 200
QUERIES: dict[str, JSON] = {
    "owner, first page": {"owner": "owner0"},
    "owner + tag + content type": {"owner": "owner0", "tags": ["tag3"], "filter": {"content_type": "video/mp4"}},
    "public": {"access": "public", "actor": "stranger"},
    "unselective filter": {"owner": "owner0", "filter": {"name": {"contains": "nothing has this"}}},
}


def measure(*, rounds: int = 300) -> Table:
    """Fill a store step by step and time each query at each size."""
    table = Table(
        "files.list, 20 files a page, SQLite",
        ["query", *(f"p50 / p99 ms at {size:,}" for size in SIZES), "p99 ratio"],
        note=(
            f"{rounds} calls of the action each, in one process; {OWNERS} owners, three tags a file. "
            "The deep page is reached by cursors. Goal for the ratio: flat."
        ),
    )
    figures: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        core = open_core(load_settings(read_config(environ={"FILES_DATA_DIR": folder})))
        filled = 0
        for size in SIZES:
            fill(core, filled, size)
            filled = size
            for name, params in QUERIES.items():
                figures.setdefault(name, []).append(_time(core, params, rounds))
            deep = {"owner": "owner0", "cursor": deep_cursor(core)}
            figures.setdefault(f"owner, page {DEEP_PAGES}", []).append(_time(core, deep, rounds))
        core.close()
    for name, pairs in figures.items():
        cells = [f"{p50:.2f} / {p99:.2f}" for p50, p99 in pairs]
        table.rows.append([name, *cells, f"{pairs[-1][1] / pairs[0][1]:.2f}"])
    return table


def fill(core: Core, start: int, end: int) -> None:
    """Save records ``start`` to ``end`` as uploads would have left them."""
    random.seed(start)
    for number in range(start, end):
        part = Part(
            part_id="p0", type="file", content_type="video/mp4", size=number, bucket="local", key=f"k/{number}/p0"
        )
        record = FileRecord(
            file_id=f"{number:026d}",
            owner=f"owner{number % OWNERS}" if number % 2 else "owner0",
            name=f"clip {number}.mp4",
            created_at=number,
            uploaded_at=random.randrange(10**12),
            processed_at=number,
            parts=(part,),
            size=number,
            content_type=random.choice(("video/mp4", "image/png", "image/jpeg", "text/plain")),
            status=FileStatus.PROCESSED,
            access=random.choice((Access.PRIVATE, Access.PUBLIC)),
            tags=tuple(random.sample([f"tag{n}" for n in range(10)], 3)),
        )
        core.metadata.save(record, expected_revision=0, changed_at=number, event=None)


def deep_cursor(core: Core) -> str:
    """Walk to a deep page and return its cursor."""
    cursor = None
    for _ in range(DEEP_PAGES):
        cursor = METHODS["files.list"]({"owner": "owner0", "cursor": cursor}, core)["next_cursor"]
    assert isinstance(cursor, str)
    return cursor


def _time(core: Core, params: JSON, rounds: int) -> tuple[float, float]:
    METHODS["files.list"](params, core)
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        METHODS["files.list"](params, core)
        taken.append((time.perf_counter() - start) * 1000)
    taken.sort()
    return taken[rounds // 2], taken[int(rounds * 0.99)]


if __name__ == "__main__":
    print(measure().markdown())
