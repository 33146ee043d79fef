"""The stores that migrations are tested on, filled, and runners on them."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from files_service.runtime.clock import now_ms
from migrations.run import Run
from migrations.runner import Runner
from migrations.stores import is_migrated
from storage_adapters import FileRecord, open_metadata_store, open_store_of_any_schema
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import add, various_records
from tests.scale import NIGHTLY

HOUR_MS = 3_600_000
KILLED, FAILED = 137, 3


@contextmanager
def runner_on(url: str, **options: Any) -> Iterator[Runner]:
    """A runner on a store of any schema."""
    store = open_store_of_any_schema(url)
    assert is_migrated(store)
    with closing(store):
        yield Runner(store=store, **{"batch": 10, **options})


def later(hours: int = 1) -> int:
    """A time at which the lease of a runner that was killed has run out."""
    return now_ms() + hours * HOUR_MS


def fill(url: str) -> None:
    """Save forty files of all kinds."""
    with closing(open_metadata_store(url)) as store:
        add(store, *various_records())


def records_of(runner: Runner) -> list[FileRecord]:
    """All records, whatever the schema."""
    records: list[FileRecord] = []
    position = ""
    while True:
        batch, position = runner.store.scan(after=position, limit=7)
        records += batch
        if not position:
            return sorted(records, key=lambda record: record.file_id)


def assert_sound(url: str) -> None:
    """Every answer of the store follows from its records."""
    with closing(open_metadata_store(url)) as store:
        assert_consistent(store)


def in_child_killed_once(seen: set[str], work: Callable[[], object]) -> bool:
    """Do something in a forked process that ends, as by SIGKILL, at the first point that is not among those seen.

    There are two points at each checkpoint: before it is written, and after. Of the checkpoints of one stage the first
    counts alone, but for a nightly run. Adds the point; whether it came to that.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _kill_outside(seen, writing)
            work()
        except BaseException:
            traceback.print_exc(file=sys.stderr)
            os._exit(FAILED)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        point = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, KILLED), status
    seen.add(point)
    return status == KILLED


def _kill_outside(seen: set[str], pipe: int) -> None:
    real = Run.save

    def pass_by(point: str) -> None:
        if point not in seen:
            os.write(pipe, point.encode())
            os._exit(KILLED)

    def save(run: Run, stage: str, place: object, *, files: int = 0) -> None:
        point = f"{stage} {place}" if NIGHTLY else stage
        pass_by(f"before {point}")
        real(run, stage, place, files=files)
        pass_by(f"after {point}")

    Run.save = save  # type: ignore[method-assign,assignment]
