"""The files of a job, and what it does to one of them."""

from __future__ import annotations

from dataclasses import replace

from files_service.core import Core
from files_service.domain.paths import BadPath, is_within, prefix_of, rebased
from files_service.errors import bad_request
from files_service.services.files import change, require_mutable, write_tombstone
from files_service.services.free_paths import OnConflict, at_path, with_free_path
from files_service.services.jobs.job import Job, JobKind
from files_service.services.trash import restore_file, trash_file
from storage_adapters import Condition, FileRecord, ListQuery, RecordDeleted, RecordNotFound, Section, Tombstone


def query_of(job: Job) -> ListQuery:
    """Return the query that finds the files of a job which it has not changed yet."""
    if job.kind is JobKind.EMPTY_TRASH:
        return ListQuery(owner=job.owner, section=Section.TRASH, order_by="trashed_at", descending=False)
    query = ListQuery(owner=job.owner, order_by="path", descending=False, prefix=prefix_of(job.source))
    if job.kind is not JobKind.RESTORE:
        return query
    together = Condition(field="trashed_at", op="eq", value=job.trashed_at)
    return replace(query, section=Section.TRASH, conditions=(together,))


def take_file(core: Core, job: Job, record: FileRecord) -> bool:
    """Do the job to one file; return False when nothing is left to do to it. Raises FilesError."""
    try:
        match job.kind:
            case JobKind.MOVE:
                after: FileRecord | Tombstone = _move(core, job, record)
            case JobKind.TRASH:
                after = trash_file(core, record.file_id, actor=job.owner, trashed_at=job.trashed_at, loaded=record)
            case JobKind.RESTORE:
                after = restore_file(core, record.file_id, actor=job.owner, path=_target(job, record), loaded=record)
            case JobKind.EMPTY_TRASH:
                return _purge(core, job, record)
    except (RecordDeleted, RecordNotFound):
        return False
    return after.revision != record.revision


def _move(core: Core, job: Job, record: FileRecord) -> FileRecord:
    def save(path: str) -> FileRecord:
        def decide(found: FileRecord) -> FileRecord:
            # One that was renamed, moved or trashed meanwhile has left this place; the next round finds it if it must.
            if found.path != record.path or not found.is_listed or not is_within(found.path or "", job.source):
                return found
            require_mutable(found)
            return at_path(found, path)

        return change(core, record.file_id, decide, event="moved", loaded=record)

    return with_free_path(core, record, _target(job, record), save, OnConflict.RENAME)


def _target(job: Job, record: FileRecord) -> str:
    try:
        return rebased(record.path or "", job.source, job.target)
    except BadPath as error:
        raise bad_request("path", str(error)) from error


def _purge(core: Core, job: Job, record: FileRecord) -> bool:
    """Return True when the file was in the trash before the job began, and is deleted now."""
    current = core.metadata.get(record.file_id)
    if current.trashed_at is None or current.trashed_at > job.trashed_at:
        return False
    write_tombstone(core, current, event="removed", keep_blobs=False)
    return True
