"""The job document: its form, its claims on folders, and changes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from typing import Any

from files_service.core import Core
from files_service.domain.access import may_act_for
from files_service.domain.uploads import owner_segment
from files_service.errors import Busy, Conflict, NotFound
from files_service.services.accounts import documents
from storage_adapters import JSON, Document, DocumentPosition, DocumentQuery, NameTaken, Position

JOBS = "jobs"
KEPT_MS = 7 * 86_400_000
MAX_ERRORS = 20


class JobKind(StrEnum):
    """Work on all files of a folder, or of the trash."""

    MOVE = "move"
    TRASH = "trash"
    RESTORE = "restore"
    EMPTY_TRASH = "empty_trash"


class JobState(StrEnum):
    """State of a job."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


class Stage(StrEnum):
    """Stages of a job, in their order."""

    COUNT = "count"
    FILES = "files"
    FOLDERS = "folders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work in steps. ``after`` is the place in the present round; a round that changes nothing is the last one.

    ``source`` and ``target`` are folders; ``trashed_at`` is the mark of the files that were trashed together.
    ``total`` is the number of files that were there when it began, None while they are counted and for too many;
    ``counted`` is the number up to ``after`` while they are.
    """

    job_id: str
    kind: JobKind
    owner: str
    source: str = ""
    target: str = ""
    trashed_at: int = 0
    created_at: int
    state: JobState = JobState.RUNNING
    stage: Stage = Stage.COUNT
    after: Position | None = None
    counted: int = 0
    total: int | None = None
    changed: int = 0
    done: int = 0
    skipped: int = 0
    errors: tuple[JSON, ...] = ()
    ended_at: int | None = None
    request_id: str | None = None
    document: Document | None = field(default=None, repr=False, compare=False)

    @property
    def is_running(self) -> bool:
        """True until the job is done or cancelled."""
        return self.state is JobState.RUNNING

    def shown(self) -> JSON:
        """Return what the owner sees."""
        names = ("job_id", "owner", "source", "target", "total", "done", "skipped", "created_at", "ended_at")
        plain = {name: getattr(self, name) for name in names}
        return {**plain, "kind": self.kind.value, "state": self.state.value, "errors": list(self.errors)}


_PLAIN = (
    "owner",
    "source",
    "target",
    "trashed_at",
    "created_at",
    "counted",
    "total",
    "changed",
    "done",
    "skipped",
    "ended_at",
    "request_id",
)


def job_of(document: Document) -> Job:
    """Read a stored job."""
    body: Mapping[str, Any] = document.body
    after = body["after"]
    return Job(
        job_id=document.document_id,
        kind=JobKind(body["kind"]),
        state=JobState(body["state"]),
        stage=Stage(body["stage"]),
        after=None if after is None else Position(value=after[0], file_id=after[1]),
        errors=tuple(body["errors"]),
        document=document,
        **{name: body[name] for name in _PLAIN if name in body},
    )


def add_job(core: Core, job: Job) -> Job:
    """Store a new job, or return the one that an earlier call with this id of the request has stored.

    Raises Busy while another job has one of its folders, or one above or below it, and as ``earlier_job``.
    """
    earlier = earlier_job(core, job.owner, job.request_id, kind=job.kind, source=job.source)
    if earlier is not None:
        return earlier
    try:
        return save_job(core, job)
    except NameTaken:
        earlier = earlier_job(core, job.owner, job.request_id, kind=job.kind, source=job.source)
        if earlier is None:
            raise Busy("another job works on this folder", {"path": job.source}) from None
        return earlier


def earlier_job(
    core: Core,
    owner: str,
    request_id: str | None,
    *,
    kind: JobKind,
    source: str,
    is_same: Callable[[Job], bool] = lambda job: True,
) -> Job | None:
    """Return the job of a call that is repeated. Raises Conflict when the call with this id was another one."""
    document = documents.find_by_name(core, JOBS, _request_name(owner, request_id)) if request_id is not None else None
    if document is None:
        return None
    job = job_of(document)
    if (job.kind, job.source) != (kind, source) or not is_same(job):
        raise Conflict("the request_id belongs to another job", {"field": "request_id", "job_id": job.job_id})
    return job


def find_job(core: Core, job_id: str) -> Job | None:
    """Return a job by its id, None when there is none."""
    document = documents.find(core, JOBS, job_id)
    return job_of(document) if document is not None else None


def require_job(core: Core, job_id: str, actor: str | None) -> Job:
    """Return a job. Raises NotFound, also for one of an owner for whom the actor does not act."""
    job = find_job(core, job_id)
    if job is None or not may_act_for(job.owner, actor):
        raise NotFound("there is no such job", {"job_id": job_id[:100]})
    return job


def save_job(core: Core, job: Job) -> Job:
    """Store a job over the revision that it was loaded with. Raises RevisionConflict, NameTaken."""
    return job_of(documents.put(core, _document_of(job)))


def cancel_job(core: Core, job_id: str) -> Job:
    """Cancel a job that runs; what it did stays. Raises NotFound, Conflict."""

    def decide(before: Document | None) -> Document:
        if before is None:
            raise NotFound("there is no such job", {"job_id": job_id[:100]})
        job = job_of(before)
        return _document_of(ended(job, JobState.CANCELLED, core.clock())) if job.is_running else before

    stored = documents.change(core, JOBS, job_id, decide)
    assert stored is not None
    return job_of(stored)


def ended(job: Job, state: JobState, now: int) -> Job:
    """Return a job that ends now."""
    return replace(job, state=state, ended_at=now)


def running_jobs(
    core: Core,
    limit: int,
    *,
    after: DocumentPosition | None = None,
    is_due: Callable[[str], bool] = lambda job_id: True,
    on_unreadable: Callable[[str, Exception], None] = lambda job_id, error: None,
) -> list[Job]:
    """Return jobs that are due and not at their end: those behind a place, then those before it."""
    query = DocumentQuery(collection=JOBS, prefix=f"{JobState.RUNNING}/")
    found: dict[str, Job] = {}
    for start in (after, None) if after is not None else (None,):
        walk = documents.documents_of(core).walk_documents(replace(query, after=start), now=core.clock())
        due = (each for each in walk if each.document_id not in found and is_due(each.document_id))
        jobs = islice(documents.readable(due, job_of, on_unreadable), limit - len(found))
        found |= {job.job_id: job for job in jobs}
    return list(found.values())


def place_of(job: Job) -> DocumentPosition:
    """Return the place of a job among those that run."""
    return DocumentPosition(f"{JobState.RUNNING}/{owner_segment(job.owner)}/{job.job_id}", job.job_id)


def jobs_of(core: Core, owner: str, limit: int) -> list[Job]:
    """Return jobs of an owner: those that run first, then the newest."""
    found: list[Job] = []
    for state in JobState:
        query = DocumentQuery(collection=JOBS, prefix=f"{state}/{owner_segment(owner)}/", descending=True, limit=limit)
        page = documents.documents_of(core).find_documents(query, now=core.clock())
        found += [job_of(each) for each in page.documents]
    return found[:limit]


def _document_of(job: Job) -> Document:
    body: JSON = {name: getattr(job, name) for name in _PLAIN}
    body |= {
        "kind": job.kind.value,
        "state": job.state.value,
        "stage": job.stage.value,
        "after": None if job.after is None else [job.after.value, job.after.file_id],
        "errors": list(job.errors),
    }
    order = f"{job.state}/{owner_segment(job.owner)}/{job.job_id}"
    expires_at = None if job.ended_at is None else job.ended_at + KEPT_MS
    keys: JSON = {"order": order, "names": tuple(_names(job)), "expires_at": expires_at}
    if job.document is not None:
        return replace(job.document, body={**job.document.body, **body}, **keys)
    return documents.new_document(JOBS, job.job_id, body, **keys)


def _names(job: Job) -> list[str]:
    """Return the unique names: the first segments of its folders while it runs, and the id of its request.

    Folders of which one lies in the other have one first segment.
    """
    names = [] if job.request_id is None else [_request_name(job.owner, job.request_id)]
    if job.is_running:
        folders = {job.source, job.target} - {""}
        tops = {each.partition("/")[0] for each in folders} or {""}
        names += [f"folder:{owner_segment(job.owner)}/{top}" for top in sorted(tops)]
    return names


def _request_name(owner: str, request_id: str) -> str:
    return f"request:{owner_segment(owner)}/{request_id}"
