"""Termination of uploads at the request of a client, or of a door."""

from __future__ import annotations

from contextlib import suppress

from files_service.core import Core
from files_service.domain.chunking import names_in_upload_id
from files_service.errors import Conflict, storage_errors_as_files_errors
from files_service.services.files import is_absorbed, remove
from files_service.services.quarantine import hold_upload
from files_service.services.uploads.quota import uploads_of
from storage_adapters import FileRecord, FileStatus, RecordNotFound, Upload


def terminate(core: Core, upload: Upload, actor: str | None) -> None:
    """Delete an upload and its file.

    Raises Conflict when it is one of several received parts, without which the file would be broken.
    """
    record = _record_of(core, upload)
    if record is not None and len(record.parts) > 1 and upload.complete:
        message = "the part has arrived and belongs to its file: remove the file"
        raise Conflict(message, {"file_id": record.file_id})
    _forget(core, upload, record, actor)


def abandon(core: Core, upload: Upload, actor: str | None) -> None:
    """Delete an upload whose id was never returned, unless its file is complete."""
    record = _record_of(core, upload)
    if record is None or record.status is FileStatus.PENDING:
        _forget(core, upload, record, actor)


def _record_of(core: Core, upload: Upload) -> FileRecord | None:
    names = names_in_upload_id(upload.upload_id)
    assert names is not None
    with storage_errors_as_files_errors():
        try:
            return core.metadata.get(names[0])
        except RecordNotFound:
            return None


def _forget(core: Core, upload: Upload, record: FileRecord | None, actor: str | None) -> None:
    # The file first: no record may refer to deleted chunks.
    with storage_errors_as_files_errors():
        if record is not None and len(record.parts) == 1:
            with suppress(RecordNotFound):
                remove(core, record.file_id, actor)
        if is_absorbed(core, upload.upload_id):
            raise Conflict("the bytes have become a version of a file", {"upload_id": upload.upload_id})
        if record is None or len(record.parts) != 1:
            hold_upload(core, upload)
        uploads_of(core).delete_upload(upload.upload_id, now=core.clock())
