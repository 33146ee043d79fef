"""Absorption: the content of a processed upload of a version becomes the content of its file.

1. The upload becomes immutable: from now on nobody can remove it, and with it blobs that the file will name.
2. One change of the file makes its content current.
3. Versions that are not to be kept are taken out of the file.
4. The upload is deleted without its blobs; its tombstone leads to the file.

Each step is idempotent, and the sweep continues after a crash. A file that is processed again is absorbed into later.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import orjson

from files_service.core import Core
from files_service.domain.editing import MAX_META_BYTES, is_finished, merge_meta
from files_service.domain.lifecycle import is_retried
from files_service.domain.versions import absorb as with_content
from files_service.domain.versions import find_version
from files_service.errors import Immutable, WrongStatus
from files_service.services.files import change, load_or_tombstone, require_finished, require_mutable, write_tombstone
from files_service.services.versions.keeping import forget_upload, prune
from storage_adapters import FileRecord, FileStatus, RecordNotFound, RevisionConflict, Tombstone


def absorb(core: Core, upload: FileRecord) -> FileRecord:
    """Make the content of a processed upload current in its file; return the file.

    Returns the upload where it is not to be absorbed now. One whose file is gone, or became immutable, is removed.
    """
    file_id = upload.version_of
    if file_id is None or not is_finished(upload):
        return upload
    try:
        if _must_wait(core, file_id):
            return upload
        upload = change(core, upload.file_id, _claimed, loaded=upload)
        if not upload.immutable:
            return upload
        _make_current(core, upload, file_id)
        file = prune(core, file_id)
        forget_upload(core, file_id, upload.file_id)
    except WrongStatus:
        return upload
    except (RecordNotFound, Immutable):
        return _after_end(core, upload, file_id)
    return file


def settle_upload(core: Core, record: FileRecord) -> str | None:
    """Bring an upload of a version to its end, if it is time; return what was done, "absorbed" or "expired"."""
    if is_finished(record):
        return None if absorb(core, record).file_id == record.file_id else "absorbed"
    failed = record.status is FileStatus.FAILED and not is_retried(record, core.settings.max_attempts)
    if failed and (record.uploaded_at or 0) + core.settings.upload_ttl_seconds * 1000 <= core.clock():
        with suppress(RevisionConflict):
            write_tombstone(core, record, event="expired", keep_blobs=False)
            return "expired"
    return None


def _must_wait(core: Core, file_id: str) -> bool:
    file = load_or_tombstone(core, file_id)
    return isinstance(file, FileRecord) and not is_finished(file)


def _claimed(upload: FileRecord) -> FileRecord:
    return replace(upload, immutable=True) if is_finished(upload) else upload


def _make_current(core: Core, upload: FileRecord, file_id: str) -> None:
    """Change the file. Raises RecordNotFound, Immutable, and WrongStatus while the file is processed again."""

    def decide(file: FileRecord) -> FileRecord:
        if find_version(file, upload.file_id) is not None:
            return file
        require_mutable(file)
        require_finished(file)
        # Read after the file: once a version was taken out of it, its upload is gone and cannot be absorbed again.
        found = core.metadata.get(upload.file_id)
        meta = merge_meta(file.meta, found.meta)
        fits = len(orjson.dumps(meta)) <= MAX_META_BYTES
        return replace(with_content(file, found, now=core.clock()), meta=meta if fits else file.meta)

    change(core, file_id, decide, event="version_added")


def _after_end(core: Core, upload: FileRecord, file_id: str) -> FileRecord:
    """Return the file that another process has absorbed the upload into; else remove the upload, which has no file."""
    found, file = load_or_tombstone(core, upload.file_id), load_or_tombstone(core, file_id)
    if isinstance(found, FileRecord):
        if isinstance(file, FileRecord) and find_version(file, upload.file_id) is not None:
            # The file became immutable after it had absorbed the upload.
            forget_upload(core, file_id, upload.file_id)
            return file
        kept = isinstance(file, Tombstone) and file.clean_after == file.deleted_at
        with suppress(RevisionConflict):
            write_tombstone(core, found, event="removed", keep_blobs=kept)
    return file if isinstance(file, FileRecord) else upload
