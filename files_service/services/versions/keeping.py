"""Removal of former contents from files: by request, and of those that are not to be kept.

A file whose oldest versions will be too old one day has a document in the order of that day.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from files_service.core import Core
from files_service.domain.versions import Retention, current_version, dropped_parts, prune_at, pruned
from files_service.errors import Conflict
from files_service.services.accounts.policy import versions_policy
from files_service.services.files import MAX_RACES, change
from files_service.services.settled_time import settled_now
from files_service.services.versions.garbage import note_garbage
from files_service.services.versions.requests import note_request
from storage_adapters import (
    Document,
    DocumentNotFound,
    DocumentQuery,
    FileRecord,
    RecordNotFound,
    RevisionConflict,
    SupportsDocuments,
)

logger = logging.getLogger(__name__)

COLLECTION = "version_ages"
BATCH = 100
_DAY_MS = 86_400_000


def retention_of(core: Core, owner: str) -> Retention:
    """Return the limits of former contents of an owner: those of its tenant, else those of the settings."""
    settings, policy = core.settings, versions_policy(core, owner)
    kept = settings.kept_versions if policy.kept_versions is None else policy.kept_versions
    days = settings.kept_versions_days if policy.kept_versions_days is None else policy.kept_versions_days
    return Retention(most=settings.max_versions, kept=kept, kept_ms=days * _DAY_MS)


def change_dropping(core: Core, file_id: str, decide: Callable[[FileRecord], FileRecord]) -> FileRecord:
    """Change a file, as ``files.change`` does, by a decision that may take versions out of it."""

    def decide_and_note(record: FileRecord) -> FileRecord:
        after = decide(record)
        kept = {each.version_id for each in after.versions} | {current_version(after).version_id}
        for version in record.versions:
            if version.version_id not in kept:
                forget_upload(core, record.file_id, version.version_id)
        dropped = dropped_parts(record, after)
        if dropped:
            note_garbage(core, record, dropped)
        return after

    return change(core, file_id, decide_and_note, event="version_removed")


def forget_upload(core: Core, file_id: str, version_id: str) -> None:
    """Delete the upload of a version that its file has; the blobs stay, because they are that file's."""
    for attempt in range(MAX_RACES):
        try:
            upload = core.metadata.get(version_id)
        except RecordNotFound:
            return
        if upload.version_of != file_id:
            return
        note_request(core, upload)
        with suppress(RevisionConflict):
            core.metadata.delete(
                version_id,
                expected_revision=upload.revision,
                deleted_at=core.clock(),
                event=None,
                clean_after=None,
                before=upload,
            )
            return
        core.back_off(attempt)
    raise Conflict("too many concurrent changes of the upload", {"file_id": version_id})


def prune(core: Core, file_id: str) -> FileRecord:
    """Take the versions that are not to be kept out of a file, and plan the next time."""
    retention, now = retention_of(core, core.metadata.get(file_id).owner), settled_now(core)

    def decide(record: FileRecord) -> FileRecord:
        return record if record.immutable else pruned(record, retention, now=now)

    record = change_dropping(core, file_id, decide)
    plan(core, file_id, None if record.immutable else prune_at(record, retention))
    return record


def plan(core: Core, file_id: str, at: int | None) -> None:
    """Plan to prune a file at a time; None: never."""
    documents = core.metadata
    if not isinstance(documents, SupportsDocuments):
        return
    for attempt in range(MAX_RACES):
        found: Document | None = None
        with suppress(DocumentNotFound):
            found = documents.get_document(COLLECTION, file_id, now=core.clock())
        if (found.order if found is not None else None) == (None if at is None else _order(at)):
            return
        with suppress(RevisionConflict):
            if at is not None:
                order, revision = _order(at), found.revision if found is not None else 0
                planned = Document(collection=COLLECTION, document_id=file_id, order=order, updated_at=core.clock())
                documents.put_document(planned, expected_revision=revision)
            elif found is not None:
                documents.delete_document(
                    COLLECTION, file_id, expected_revision=found.revision, deleted_at=core.clock()
                )
            return
        core.back_off(attempt)


def plan_now(core: Core, record: FileRecord) -> None:
    """Plan to prune a file that is about to get one more version, or one that may be pruned, if it has so many."""
    retention = retention_of(core, record.owner)
    if len(record.versions) >= min(retention.kept, retention.most):
        plan(core, record.file_id, core.clock())


def sweep_ages(core: Core) -> int:
    """Prune a bounded number of files whose time has come; return the number of files.

    A file that fails keeps no other back: it is due again at the next sweep.
    """
    documents = core.metadata
    if not isinstance(documents, SupportsDocuments):
        return 0
    query = DocumentQuery(collection=COLLECTION, end=_order(settled_now(core) + 1), limit=BATCH)
    found = documents.find_documents(query, now=core.clock()).documents
    for document in found:
        try:
            prune(core, document.document_id)
        except RecordNotFound:
            plan(core, document.document_id, None)
        except Exception:
            logger.warning("a file is not pruned", exc_info=True, extra={"file_id": document.document_id})
            plan(core, document.document_id, core.clock() + core.settings.sweep_interval_seconds * 1000)
    return len(found)


def _order(at: int) -> str:
    return f"{at:015}"
