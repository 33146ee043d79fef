"""Writes and reads of records on Redis: the processor time of the server and of the caller, and memory per file.

``BENCH_WRITES_FILES=50000 python -m benchmarks writes``. Processor time counts, so other work disturbs little.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from redis import Redis

from benchmarks.processes import cpu_seconds
from benchmarks.tables import Table, spread
from storage_adapters import FileRecord, MetadataStore, open_metadata_store
from tests.contract.metadata_scenes import NOW, make_record
from tests.servers.redis import RedisServer

FILES = int(os.environ.get("BENCH_WRITES_FILES", 20_000))
ROUNDS = 5
OWNERS, TAGS = 100, 50


def measure(*, files: int = FILES, rounds: int = ROUNDS) -> list[Table]:
    """Create, change and read the same files, in rounds of which each has a share of them."""
    table = Table(
        f"{files:,} files of {OWNERS} owners, two tags each",
        ["call", "Redis µs", "calls/s of one Redis", "caller µs"],
        note="Processor time per call, median with least and greatest of the rounds. Redis runs its commands in one "
        "thread, so its time is the limit of one primary; each write is appended to its file, and what a sync to the "
        "disk takes is not in it. The caller's time is that of one thread of the service, by one call after the other.",
    )
    with (
        tempfile.TemporaryDirectory() as name,
        RedisServer(Path(name) / "redis", appendfsync="no") as server,
        closing(open_metadata_store(server.url)) as store,
    ):
        client = Redis.from_url(server.url)
        before = _memory(client)
        records = [_record(number) for number in range(files)]
        size = files // rounds
        calls: dict[str, Callable[[FileRecord], Any]] = {
            "save, a new file": lambda record: store.save(record, expected_revision=0, changed_at=NOW, event="created"),
            "save, a changed file": lambda record: _change(store, record),
            "get": lambda record: store.get(record.file_id),
        }
        for call, run in calls.items():
            spent: list[tuple[float, float]] = []
            for start in range(0, size * rounds, size):
                far, near = cpu_seconds([server.pid]), time.process_time()
                for record in records[start : start + size]:
                    run(record)
                used = (cpu_seconds([server.pid]) - far, time.process_time() - near)
                spent.append((used[0] / size * 1e6, used[1] / size * 1e6))
            redis, caller = ([each[place] for each in spent] for place in (0, 1))
            table.rows.append([call, spread(redis), spread([1e6 / each for each in redis]), spread(caller)])
        memory = Table("Memory of Redis", ["figure", "value"])
        memory.rows.append(["bytes a file, with its indexes and changes", f"{(_memory(client) - before) / files:,.0f}"])
        client.close()
    return [table, memory]


def _record(number: int) -> FileRecord:
    tags = (f"tag-{number % TAGS}", f"tag-{(number * 7 + 1) % TAGS}")
    return make_record(f"01J{number:023}", owner=f"owner-{number % OWNERS}", tags=tuple(sorted(set(tags))))


def _change(store: MetadataStore, record: FileRecord) -> FileRecord:
    known = store.get(record.file_id)
    assert isinstance(known, FileRecord)
    named = replace(known, name=f"{known.name} again")
    return store.save(named, expected_revision=known.revision, changed_at=NOW, event="updated")


def _memory(client: Any) -> int:
    return int(cast(dict[str, Any], client.info("memory"))["used_memory"])
