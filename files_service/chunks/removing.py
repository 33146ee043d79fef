"""Ends uploads that are not wanted any more."""

from __future__ import annotations

from contextlib import suppress

from files_service.actions.remove import remove
from files_service.chunks.opening import uploads_of
from files_service.core import Core
from files_service.domain.arrival import names_in_upload_id
from files_service.errors import NotFound, storage_errors_as_files_errors
from storage_adapters import FileStatus, RecordNotFound, Upload


def terminate(core: Core, upload: Upload, actor: str | None) -> None:
    """Forget an upload and what came of it. A file that waits for nothing else goes with it; a complete one stays."""
    names = names_in_upload_id(upload.upload_id)
    assert names is not None
    with storage_errors_as_files_errors():
        try:
            record = core.metadata.get(names[0])
        except RecordNotFound:
            record = None
        if record is not None and record.status is not FileStatus.PENDING:
            return
        uploads_of(core).delete_upload(upload.upload_id, now=core.clock())
        if record is not None and len(record.parts) == 1:
            with suppress(NotFound):
                remove({"file_id": record.file_id, "actor": actor}, core)
