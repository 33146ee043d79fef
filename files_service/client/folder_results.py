"""Results of calls about folders, the trash and jobs, for type checkers. Times are milliseconds since the epoch."""

from __future__ import annotations

from typing import Any, TypedDict

from files_service.client.results import File


class Folder(TypedDict):
    """A folder."""

    path: str
    name: str


class MadeFolder(Folder):
    """folders.create."""

    created: bool


class FolderPage(TypedDict):
    """folders.list."""

    path: str
    files: list[File]
    folders: list[Folder]
    next_cursor: str | None


class TrashedFolder(TypedDict):
    """A folder that was trashed as one."""

    path: str
    trashed_at: int


class TrashedFolders(TypedDict):
    """folders.trashed."""

    folders: list[TrashedFolder]


class Job(TypedDict):
    """Work on a whole folder; ``state`` is running, done or cancelled."""

    job_id: str
    kind: str
    owner: str
    source: str
    target: str
    state: str
    total: int | None
    done: int
    skipped: int
    errors: list[dict[str, Any]]
    created_at: int
    ended_at: int | None


class Jobs(TypedDict):
    """jobs.list."""

    jobs: list[Job]


class BulkResults(TypedDict):
    """files.bulk: for each item ``ok`` and what it has become, or its ``error``."""

    results: list[dict[str, Any]]
