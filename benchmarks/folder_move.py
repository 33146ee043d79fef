"""Move of a large folder by workers that are killed, with a reader beside it.

``python -m benchmarks folder-move``. Goals: each file that moves is moved once, and every list of the files beside them
has each of these exactly once.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.filling import fill, records
from benchmarks.processes import SECRETS, running
from benchmarks.tables import Table, percentile
from files_service.api import METHODS
from files_service.config import load_settings, read_config
from files_service.core import Core
from files_service.services.opening import open_core
from files_service.worker.jobs import JobRunner
from storage_adapters import JSON, FileRecord, ListQuery, open_metadata_store
from tests.servers.redis import RedisServer

FILES, BESIDE = 100_000, 1_000
STORES = ("sqlite", "redis")
# Shares of the work at which the worker is killed.
KILLED_AT = (0.0, 0.1, 0.35, 0.6, 0.85)
_OWNER, _LOOK_SECONDS = "ann", 0.2


@dataclass(frozen=True)
class _Run:
    """Figures of one move."""

    seconds: float
    waited: float
    counted_seconds: float
    kills: int
    done: int
    lists_ms: Sequence[float]


def measure(*, files: int = FILES, stores: Sequence[str] = STORES) -> list[Table]:
    """Fill each store, move its folder, and look at all files afterwards."""
    table = Table(
        "Move of a folder",
        [
            "store",
            "files",
            "seconds",
            "of these without a worker",
            "files/s with one",
            "counted after, s",
            "workers killed",
            "list beside it, p50 / p99 ms",
        ],
        note=(
            "A folder of one owner, by the job of folders.move and one worker at a time, each killed by SIGKILL; the "
            f"next one waits for the end of its lease of 30 s. Beside it, lists of {BESIDE:,} files that do not move, "
            "in pages of 100, each of which had every file exactly once. In the end each file was at its new place."
        ),
    )
    for store in stores:
        with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
            folder = Path(name)
            url = f"sqlite:///{folder}/files.db"
            if store == "redis":
                url = stack.enter_context(RedisServer(folder / "redis", appendfsync="everysec")).url
            found = _move(folder, url, files)
        p50, p99 = (percentile(found.lists_ms, share) for share in (0.5, 0.99))
        times = (f"{found.seconds:.0f}", f"{found.waited:.0f}", f"{files / (found.seconds - found.waited):,.0f}")
        rest = (f"{found.counted_seconds:.1f}", str(found.kills), f"{p50:.1f} / {p99:.1f}")
        table.rows.append([store, f"{files:,}", *times, *rest])
    return [table]


def _move(folder: Path, url: str, files: int) -> _Run:
    with closing(open_metadata_store(url)) as opened:
        fill(opened, _filed(files))
    with closing(_core(folder, url)) as core:
        job = _call(core, "folders.move", owner=_OWNER, path="big", to="moved/there")
        began, counted, lists, kills = time.perf_counter(), 0.0, list[float](), 0
        waited, killed = 0.0, (0.0, 0)
        for share in (*KILLED_AT, None):
            with running("-m", "benchmarks.folder_move", str(folder), url, log=folder / "log") as worker:
                while job["state"] == "running" and (share is None or job["done"] <= share * files):
                    lists.append(_list_beside(core))
                    time.sleep(_LOOK_SECONDS)
                    job = _call(core, "jobs.info", job_id=job["job_id"])
                    if killed[0] and job["done"] > killed[1]:
                        waited, killed = waited + time.perf_counter() - killed[0], (0.0, 0)
                    counted = counted or (time.perf_counter() - began if job["total"] is not None else 0.0)
                print(f"{time.perf_counter() - began:.0f} s: {job['done']:,} files", file=sys.stderr, flush=True)
                if share is not None:
                    os.killpg(worker.pid, signal.SIGKILL)
                    kills, killed = kills + 1, (time.perf_counter(), job["done"])
        seconds = time.perf_counter() - began
        _require_moved(core, job, files)
        return _Run(seconds, waited, counted, kills, job["done"], lists)


def _list_beside(core: Core) -> float:
    began, found, cursor = time.perf_counter(), list[str](), None
    while True:
        query = {"owner": _OWNER, "prefix": "beside/", "order_by": "path", "order": "asc", "limit": 100}
        page = _call(core, "files.list", **query, cursor=cursor)
        found += [each["path"] for each in page["files"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    if found != [f"beside/{number:04}" for number in range(BESIDE)]:
        raise RuntimeError(f"a list beside the move has {len(found)} files")
    return (time.perf_counter() - began) * 1000 / (BESIDE / 100)


def _require_moved(core: Core, job: JSON, files: int) -> None:
    paths, after = set[str](), None
    while True:
        query = ListQuery(
            owner=_OWNER, order_by="path", descending=False, prefix="moved/there/", limit=500, after=after
        )
        page = core.metadata.find(query)
        paths |= {each.path or "" for each in page.records}
        after = page.next_position
        if after is None:
            break
    wanted = {f"moved/there/{number // 200:05}/{number:06}" for number in range(files)}
    if paths != wanted or (job["state"], job["total"], job["skipped"]) != ("done", files, 0) or job["done"] > files:
        raise RuntimeError(f"{len(paths)} of {files} files are at the new place; the job says {job}")


def _filed(files: int) -> Iterator[FileRecord]:
    for number, record in enumerate(records(0, files + BESIDE)):
        rest = number - files
        path = f"big/{number // 200:05}/{number:06}" if rest < 0 else f"beside/{rest:04}"
        yield replace(record, owner=_OWNER, path=path, name=path.rpartition("/")[2], alias=None)


def _core(folder: Path, url: str) -> Core:
    environ = {"FILES_DATA_DIR": str(folder), "FILES_METADATA_URL": url, **SECRETS}
    return open_core(load_settings(read_config(environ=environ)))


def _call(core: Core, method: str, **params: object) -> JSON:
    return METHODS[method](params, core)


def _work(folder: Path, url: str) -> None:
    """Run jobs until the process is killed."""
    with closing(_core(folder, url)) as core:
        runner = JobRunner(core, holder=f"worker {os.getpid()}")
        while True:
            time.sleep(runner.step())


if __name__ == "__main__":
    _work(Path(sys.argv[1]), sys.argv[2])
