"""Files at paths, and what lies in folders."""

from __future__ import annotations

from typing import Any

from files_service.core import Core
from files_service.worker.jobs import JobRunner
from storage_adapters import JSON
from tests.cores import call, processed_file


def file_at(core: Core, path: str, owner: str = "ann", **params: Any) -> str:
    """Make a finished file at a path; return its id."""
    params.setdefault("on_conflict", "fail")
    record = processed_file(core, owner=owner, path=path, name=path.rpartition("/")[2], **params)
    return str(record["file_id"])


def paths_of(core: Core, owner: str = "ann", **query: Any) -> dict[str, str]:
    """Path and id of every file with a path, walked in small pages."""
    found: list[JSON] = []
    params = {"owner": owner, "order_by": "path", "order": "asc", "limit": 7, **query}
    while True:
        page = call(core, "files.list", **params)
        found += page["files"]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert [each["path"] for each in found] == sorted(each["path"] for each in found)
    assert all(each["name"] == each["path"].rpartition("/")[2] for each in found)
    return {each["path"]: each["file_id"] for each in found}


def in_folder(core: Core, path: str = "", owner: str = "ann", limit: int = 2) -> list[str]:
    """What lies in a folder, by pages: paths of files, and of folders with a slash at the end."""
    shown: list[str] = []
    params: JSON = {"owner": owner, "path": path, "limit": limit}
    while True:
        page = call(core, "folders.list", **params)
        rows = [each["path"] for each in page["files"]] + [f"{each['path']}/" for each in page["folders"]]
        assert len(rows) <= limit
        shown += sorted(rows)
        if page["next_cursor"] is None:
            assert shown == sorted(set(shown))
            return shown
        params["cursor"] = page["next_cursor"]


def trashed_paths(core: Core, owner: str = "ann") -> list[str]:
    """The paths in the trash."""
    page = call(core, "files.list", owner=owner, trashed=True, limit=100)
    return sorted(each["path"] for each in page["files"])


def run_jobs(core: Core, steps: int = 50) -> None:
    """Run all jobs to their end, as a worker does."""
    runner = JobRunner(core, holder="worker")
    for _ in range(steps):
        if runner.step():
            return
    raise AssertionError("a job does not end")
