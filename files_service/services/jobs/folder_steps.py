"""The documents of folders that a job takes along, once it has done its files."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from files_service.core import Core
from files_service.domain.paths import BadPath, rebased
from files_service.services.accounts import documents
from files_service.services.folders import trashed
from files_service.services.folders.folder import FOLDERS, find_folder, make_folders, order_below
from files_service.services.jobs.job import Job, JobKind
from storage_adapters import Document, DocumentQuery


def take_folders(core: Core, job: Job, limit: int) -> bool:
    """Do the job to a bounded number of documents; return True when there may be more."""
    match job.kind:
        case JobKind.MOVE:
            make_folders(core, job.owner, job.target)
            return sum(_move(core, job, each) for each in _made(core, job, limit)) > 0
        case JobKind.TRASH:
            trashed.add_entry(core, job.owner, job.source, job.trashed_at)
            return sum(_trash(core, job, each) for each in _made(core, job, limit)) > 0
        case JobKind.RESTORE:
            kept = trashed.kept_below(core, job.owner, job.source, job.trashed_at, limit)
            if sum(_restore(core, job, each) for each in kept):
                return True
            trashed.remove_entry(core, job.owner, job.source, job.trashed_at)
            return False
        case JobKind.EMPTY_TRASH:
            return _delete(core, trashed.documents_until(core, job.owner, job.trashed_at, limit))


def _made(core: Core, job: Job, limit: int) -> list[Document]:
    """Return folders that were made: the source of the job, and those below it."""
    own = find_folder(core, job.owner, job.source)
    query = DocumentQuery(collection=FOLDERS, prefix=order_below(job.owner, job.source), limit=limit)
    below = documents.documents_of(core).find_documents(query, now=core.clock()).documents
    return [*below, *([own] if own is not None else [])]


def _move(core: Core, job: Job, document: Document) -> bool:
    """Make the folder at its new place, then delete it here; return False for one that has no room there."""
    path = document.body["path"]
    if path != job.source:
        try:
            make_folders(core, job.owner, rebased(path, job.source, job.target))
        except BadPath:
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


def _delete(core: Core, found: Iterable[Document]) -> bool:
    return sum(documents.delete(core, each) for each in found) > 0
