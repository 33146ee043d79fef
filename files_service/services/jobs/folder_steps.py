"""The documents of folders that a job takes along, once it has done its files."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from files_service.core import Core
from files_service.domain.paths import BadPath, rebased
from files_service.services.accounts import documents
from files_service.services.folders import trashed
from files_service.services.folders.folder import FOLDERS, find_folder, make_folders, order_below
from files_service.services.jobs.job import Job, JobKind
from storage_adapters import Document, DocumentPage, DocumentPosition, DocumentQuery, Position


def take_folders(core: Core, job: Job, limit: int) -> Job | None:
    """Do the job to a bounded number of documents; return it with its place after them, None at its end.

    As for files, a round that changes nothing is the last one: some folders may have no room at their new place.
    """
    if job.kind is JobKind.MOVE:
        make_folders(core, job.owner, job.target)
    elif job.kind is JobKind.TRASH:
        trashed.add_entry(core, job.owner, job.source, job.trashed_at)
    page = _page(core, job, limit)
    own = None
    if page.next_position is None and job.kind in (JobKind.MOVE, JobKind.TRASH):
        own = find_folder(core, job.owner, job.source)
    # Most folders come before those that lie in them, and are taken after them.
    found = [*reversed(page.documents), *([own] if own is not None else [])]
    job = replace(job, changed=job.changed + sum(_take(core, job, each) for each in found))
    if page.next_position is not None:
        return replace(job, after=Position(value=page.next_position.order, file_id=page.next_position.document_id))
    if job.changed:
        return replace(job, after=None, changed=0)
    if job.kind is JobKind.RESTORE:
        trashed.remove_entry(core, job.owner, job.source, job.trashed_at)
    return None


def _page(core: Core, job: Job, limit: int) -> DocumentPage:
    """Return documents below the source of the job, or in the trash, behind its place."""
    match job.kind:
        case JobKind.MOVE | JobKind.TRASH:
            query = DocumentQuery(collection=FOLDERS, prefix=order_below(job.owner, job.source))
        case JobKind.RESTORE:
            query = trashed.kept_below(job.owner, job.source, job.trashed_at)
        case JobKind.EMPTY_TRASH:
            query = trashed.all_of(job.owner)
    after = None if job.after is None else DocumentPosition(str(job.after.value), job.after.file_id)
    return documents.documents_of(core).find_documents(replace(query, limit=limit, after=after), now=core.clock())


def _take(core: Core, job: Job, document: Document) -> bool:
    """Do the job to one document; return False when it stays, or another caller was faster."""
    match job.kind:
        case JobKind.MOVE:
            return _move(core, job, document)
        case JobKind.TRASH:
            return _trash(core, job, document)
        case JobKind.RESTORE:
            return _restore(core, job, document)
        case JobKind.EMPTY_TRASH:
            return document.body["trashed_at"] <= job.trashed_at and documents.delete(core, document)


def _move(core: Core, job: Job, document: Document) -> bool:
    """Make the folder at its new place, then delete it here.

    Return False for one that has no room there, and for one in which folders are left: nobody would find those.
    """
    path = document.body["path"]
    if path != job.source:
        try:
            make_folders(core, job.owner, rebased(path, job.source, job.target))
        except BadPath:
            return False
    left = DocumentQuery(collection=FOLDERS, prefix=order_below(job.owner, path), limit=1)
    if documents.documents_of(core).find_documents(left, now=core.clock()).documents:
        return False
    return documents.delete(core, document)


def _trash(core: Core, job: Job, document: Document) -> bool:
    trashed.keep_below(core, job.owner, document.body["path"], job.trashed_at)
    return documents.delete(core, document)


def _restore(core: Core, job: Job, document: Document) -> bool:
    path = document.body["path"]
    with suppress(BadPath):
        make_folders(core, job.owner, job.target if path == job.source else rebased(path, job.source, job.target))
    return documents.delete(core, document)
