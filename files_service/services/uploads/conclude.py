"""The end of an upload at any door: the check for missing bytes, and the completion of those that have all."""

from __future__ import annotations

from collections.abc import Callable

from files_service.errors import Conflict, TooLarge
from files_service.services.parts import FinishedPart
from files_service.services.uploads.concatenate import join, waiting_for
from files_service.services.uploads.finish import complete
from files_service.services.uploads.quota import is_partial, uploads_of
from files_service.services.uploads.session import UploadSession, declare_size
from files_service.services.uploads.writer import Engine
from storage_adapters import FileRecord, Upload

# ``finish.complete``, or the same call counted by the process.
Complete = Callable[..., FinishedPart | None]
_MOST_MISSING = 100


def complete_if_all_there(
    engine: Engine,
    upload: Upload,
    sha256: str | None = None,
    *,
    record: FileRecord | None = None,
    complete: Complete = complete,
) -> FinishedPart | None:
    """Finish an upload that has all bytes, and the uploads that are joined from it."""
    core = engine.core
    upload = join(core, upload)
    if not upload.complete:
        return None
    if is_partial(upload):
        for joined in waiting_for(core, upload):
            complete_if_all_there(engine, joined, complete=complete)
        return None
    result = complete(core, UploadSession(upload, record), engine.hash_of(upload), sha256=sha256)
    engine.forget_hash(upload)
    return result


def conclude(
    engine: Engine, upload_id: str, sha256: str | None, size: int | None, *, complete: Complete = complete
) -> tuple[Upload, FinishedPart | None]:
    """Finish an upload whose sender has sent all bytes; ``sha256`` and ``size`` are what the sender knows of them.

    An upload of unknown size ends at ``size``, else with its last byte. Raises Conflict with the missing ranges,
    TooLarge for another size, and what ``finish.complete`` raises.
    """
    core = engine.core
    uploads = uploads_of(core)
    upload = uploads.get_upload(upload_id)
    ranges = uploads.ranges(upload_id)
    end = upload.size if upload.size is not None else size
    if end is None:
        end = ranges[-1][1] if ranges else 0
    if size not in (None, end) or (ranges and ranges[-1][1] > end):
        raise TooLarge(f"the upload does not end at {size}", {"field": "size", "limit": end})
    missing = engine.chunks.arrived(upload).gaps(0, end)
    if missing:
        # The size of an upload stays open until all bytes of it have come.
        raise Conflict("bytes are missing", {"field": "size", "missing": missing[:_MOST_MISSING]})
    if upload.size is None:
        upload = declare_size(core, upload, end)
    return upload, complete_if_all_there(engine, upload, sha256, complete=complete)
