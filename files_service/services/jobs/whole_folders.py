"""Folders made, moved, trashed and restored. What is small is done in the call, what is large by a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import StrEnum
from itertools import count

from files_service.core import Core
from files_service.domain.paths import BadPath, is_within, numbered, prefix_of, restored
from files_service.errors import NotFound, PathTaken, bad_request
from files_service.services.files import require_acts_for
from files_service.services.folders import trashed
from files_service.services.folders.folder import is_folder, make_folders, require_folder
from files_service.services.jobs.job import Job, JobKind, Stage, add_job, earlier_job
from files_service.services.jobs.steps import run_to_end, with_small_total
from storage_adapters import Condition, ListQuery, Section

# A folder of one batch has a round for its files, one that finds none, and one or two for its folders.
_STEPS_IN_CALL = 8
_MOST_TRIED = 100


class FolderConflict(StrEnum):
    """Treatment of a folder that is there: take another name, put the files into it, or fail."""

    RENAME = "rename"
    MERGE = "merge"
    FAIL = "fail"


def create_folder(core: Core, owner: str, path: str, *, actor: str | None) -> bool:
    """Make a folder and those in which it lies; return False when it was there. Raises Forbidden, BadRequest."""
    require_acts_for(owner, actor)
    _require_named(path, "path")
    return make_folders(core, owner, path)


def move_folder(
    core: Core,
    owner: str,
    path: str,
    to: str,
    *,
    actor: str | None,
    on_conflict: FolderConflict,
    request_id: str | None,
) -> Job:
    """Move a folder with all that is in it. Raises Forbidden, NotFound, PathTaken, BadRequest, Busy, Conflict."""
    require_acts_for(owner, actor)

    def is_same(job: Job) -> bool:
        return job.target in _forms(to, numbered)

    earlier = earlier_job(core, owner, request_id, kind=JobKind.MOVE, source=path, is_same=is_same)
    if earlier is not None:
        return earlier
    _require_named(path, "path")
    _require_named(to, "to")
    if to == path or is_within(to, path) or is_within(path, to):
        raise bad_request("to", "Must be neither the folder itself nor lie in it or around it.")
    require_folder(core, owner, path)
    target = to
    if on_conflict is not FolderConflict.MERGE:
        target = _free_folder(core, owner, to, numbered if on_conflict is FolderConflict.RENAME else None)
    return _start(core, JobKind.MOVE, owner, request_id, source=path, target=target)


def trash_folder(core: Core, owner: str, path: str, *, actor: str | None, request_id: str | None) -> Job:
    """Move a folder with all that is in it to the trash, as one.

    Raises Forbidden, NotFound, BadRequest, Busy, Conflict.
    """
    require_acts_for(owner, actor)
    earlier = earlier_job(core, owner, request_id, kind=JobKind.TRASH, source=path)
    if earlier is not None:
        return earlier
    _require_named(path, "path")
    require_folder(core, owner, path)
    trashed_at = next(at for at in count(core.clock()) if _is_own_time(core, owner, path, at))
    return _start(core, JobKind.TRASH, owner, request_id, source=path, trashed_at=trashed_at)


def _is_own_time(core: Core, owner: str, path: str, trashed_at: int) -> bool:
    """Return True when nothing of a folder was trashed at this time, so that what is now is told from it."""
    together = Condition(field="trashed_at", op="eq", value=trashed_at)
    query = ListQuery(
        owner=owner,
        section=Section.TRASH,
        order_by="path",
        descending=False,
        prefix=prefix_of(path),
        conditions=(together,),
        limit=1,
    )
    return not trashed.has_entry(core, owner, path, trashed_at) and not core.metadata.find(query).records


def restore_folder(
    core: Core, owner: str, path: str, trashed_at: int, *, actor: str | None, request_id: str | None
) -> Job:
    """Take out of the trash what was trashed as one folder, under another name where the folder is there again.

    Raises Forbidden, NotFound, Busy, Conflict.
    """
    require_acts_for(owner, actor)

    def is_same(job: Job) -> bool:
        return job.trashed_at == trashed_at

    earlier = earlier_job(core, owner, request_id, kind=JobKind.RESTORE, source=path, is_same=is_same)
    if earlier is not None:
        return earlier
    if not trashed.has_entry(core, owner, path, trashed_at):
        raise NotFound("there is no such folder in the trash", {"path": path, "trashed_at": trashed_at})
    target = _free_folder(core, owner, path, restored)
    return _start(core, JobKind.RESTORE, owner, request_id, source=path, target=target, trashed_at=trashed_at)


def empty_trash(core: Core, owner: str, *, actor: str | None, request_id: str | None) -> Job:
    """Delete for good what is in the trash now. Raises Forbidden, Busy, Conflict."""
    require_acts_for(owner, actor)
    return _start(core, JobKind.EMPTY_TRASH, owner, request_id, trashed_at=core.clock())


def _start(
    core: Core,
    kind: JobKind,
    owner: str,
    request_id: str | None,
    *,
    source: str = "",
    target: str = "",
    trashed_at: int = 0,
) -> Job:
    draft = Job(
        job_id=core.new_id(),
        kind=kind,
        owner=owner,
        source=source,
        target=target,
        trashed_at=trashed_at,
        created_at=core.clock(),
        request_id=request_id,
    )
    job = add_job(core, draft)
    steps = iter(range(_STEPS_IN_CALL))
    if not job.is_running or job.stage is not Stage.COUNT:
        # Of an earlier call.
        return job
    small = with_small_total(core, job)
    if small is None:
        return job
    return run_to_end(core, small, go_on=lambda: next(steps, None) is not None)


def _free_folder(core: Core, owner: str, path: str, form: Callable[..., str] | None) -> str:
    """Return the path, or the first of its ``form``, that no folder has. Raises PathTaken."""
    for tried in _forms(path, form) if form is not None else (path,):
        if not is_folder(core, owner, tried):
            return tried
    raise PathTaken("the folder is there already", {"field": "path", "path": path})


def _forms(path: str, form: Callable[..., str]) -> Iterator[str]:
    """Yield the path, and the names beside it that are tried."""
    with suppress(BadPath):
        for number in range(1, _MOST_TRIED):
            yield form(path, number, is_folder=True)


def _require_named(path: str, field: str) -> None:
    if path == "":
        raise bad_request(field, "Must name a folder.")
