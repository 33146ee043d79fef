"""Steps of a job: one bounded batch each, and then its place is stored.

A process may die between any two writes, and two processes may do one step at once: each file is decided by what is
stored of it, so that doing it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from files_service.core import Core
from files_service.errors import Conflict, FilesError, storage_errors_as_files_errors
from files_service.services.jobs.file_steps import query_of, take_file
from files_service.services.jobs.folder_steps import take_folders
from files_service.services.jobs.job import MAX_ERRORS, Job, JobState, Stage, ended, find_job, save_job
from storage_adapters import FileRecord, RevisionConflict, StorageUnavailable

BATCH = 100
# Files are counted up to so many, in pages, of which a step reads some.
MOST_COUNTED = 200_000
COUNT_PAGE, COUNT_PAGES = 500, 4


def run_step(core: Core, job: Job) -> Job:
    """Do one batch of a job and store its place; return the job as it is stored then."""
    after = _STEPS[job.stage](core, job)
    try:
        return save_job(core, after)
    except RevisionConflict:
        # Cancelled, or another process did the same step.
        return find_job(core, job.job_id) or ended(job, JobState.CANCELLED, core.clock())


def run_to_end(core: Core, job: Job, *, go_on: Callable[[], bool] = lambda: True) -> Job:
    """Run steps until the job is at its end, or is not to go on."""
    while job.is_running and go_on():
        job = run_step(core, job)
    return job


def with_small_total(core: Core, job: Job) -> Job | None:
    """Return a new job with its total when one batch holds all its files, else None."""
    page = core.metadata.find(replace(query_of(job), limit=BATCH))
    return None if page.next_position is not None else _counted(job, len(page.records) + len(page.unreadable))


def _count_step(core: Core, job: Job) -> Job:
    """Count some files; too many are not counted to their end, because the work itself must not wait for long."""
    counted, after = job.counted, job.after
    for _ in range(COUNT_PAGES):
        page = core.metadata.find(replace(query_of(job), limit=COUNT_PAGE, after=after))
        counted, after = counted + len(page.records) + len(page.unreadable), page.next_position
        if after is None:
            return _counted(job, counted if counted <= MOST_COUNTED else None)
        if counted > MOST_COUNTED:
            return _counted(job, None)
    return replace(job, counted=counted, after=after)


def _counted(job: Job, total: int | None) -> Job:
    return replace(job, stage=Stage.FILES, total=total, after=None)


def _files_step(core: Core, job: Job) -> Job:
    page = core.metadata.find(replace(query_of(job), limit=BATCH, after=job.after))
    core.lists.note_unreadable(page)
    if job.after is None:
        # A round looks at those again that the last one could not change.
        job = replace(job, skipped=0, errors=(), changed=0)
    job = replace(job, skipped=job.skipped + len(page.unreadable))
    for record in page.records:
        job = _tried(core, job, record)
    if page.next_position is not None:
        return replace(job, after=page.next_position)
    return replace(job, after=None) if job.changed else replace(job, after=None, stage=Stage.FOLDERS)


def _tried(core: Core, job: Job, record: FileRecord) -> Job:
    """Take one file; what it alone cannot do does not stop the others."""
    try:
        with storage_errors_as_files_errors():
            changed = take_file(core, job, record)
    except FilesError as error:
        if isinstance(error.__cause__, StorageUnavailable) or error.http_status >= 500:
            raise
        errors = job.errors
        if len(errors) < MAX_ERRORS:
            errors = (*errors, {"file_id": record.file_id, "code": error.code, "message": str(error)})
        # Who lost races against others has another round.
        is_changing = isinstance(error, Conflict)
        return replace(job, skipped=job.skipped + 1, errors=errors, changed=job.changed + is_changing)
    return replace(job, done=job.done + changed, changed=job.changed + changed)


def _folders_step(core: Core, job: Job) -> Job:
    return take_folders(core, job, BATCH) or ended(job, JobState.DONE, core.clock())


_STEPS: Mapping[Stage, Callable[[Core, Job], Job]] = {
    Stage.COUNT: _count_step,
    Stage.FILES: _files_step,
    Stage.FOLDERS: _folders_step,
}
