"""Upload of small files as one blob, without an upload session.

A crash leaves a pending file with or without its blob, as during a signed PUT: any door can complete it, and the
sweeper finishes or expires it.
"""

from __future__ import annotations

from contextlib import suppress

from isal.isal_zlib import crc32

from files_service.core import Core
from files_service.errors import Conflict, storage_errors_as_files_errors
from files_service.services import content
from files_service.services.files import remove
from files_service.services.parts import FinishedPart, receive
from files_service.services.uploads.creation import made_earlier, save_new_if_room
from files_service.services.uploads.declare import check_limits, pending_record
from files_service.services.uploads.quota import require_place
from files_service.services.uploads.session import Beginning, declaration_of
from storage_adapters import BlobExists, FileRecord, FileStatus, RecordNotFound

WHOLE_BYTES = 64 * 1024


def store_whole(core: Core, beginning: Beginning, data: bytes) -> FinishedPart:
    """Make a file of these bytes, or find that of an earlier request with the same id. Raises FilesError.

    After an error no new file is left. The bytes are durable under the key of the part before the record says that they
    were received. Raises Conflict when the earlier request brought other bytes.
    """
    with storage_errors_as_files_errors():
        declaration = declaration_of(beginning.as_params(), len(data))
        check_limits(declaration, core, listed=False)
        draft = pending_record(declaration, core, core.clock())
        earlier = made_earlier(draft, core)
        if earlier is None:
            require_place(core, beginning.owner)
            record = save_new_if_room(draft, core, declaration.on_conflict)
        else:
            record = earlier
        if record.missing_parts != record.parts:
            return _stored_earlier(core, record, data)
        try:
            return _store(core, record, data)
        except BaseException:
            if record.file_id == draft.file_id:
                _forget(core, record.file_id, beginning.owner)
            raise


def _store(core: Core, record: FileRecord, data: bytes) -> FinishedPart:
    [part] = record.parts
    declared = {"md5": part.md5, "sha256": part.sha256}
    try:
        info = core.blobs.put(part.key, [data], content_type=part.content_type, now=core.clock(), declared=declared)
    except BlobExists as error:
        # Of an earlier request with the same id, which died, or is served at the same time.
        if b"".join(core.blobs.get(part.key)) != data:
            raise _others() from error
        info = error.info
    return receive(core, record, part, info, crc32=f"{crc32(data):08x}")


def _stored_earlier(core: Core, record: FileRecord, data: bytes) -> FinishedPart:
    [part] = record.parts
    if b"".join(content.read(core, part)) != data:
        raise _others()
    return FinishedPart(record, duplicate=True)


def _others() -> Conflict:
    return Conflict("this request_id was used for other bytes", {"field": "request_id"})


def _forget(core: Core, file_id: str, owner: str) -> None:
    """Remove the file, whose id was never returned, unless it is complete; the sweeper deletes the blob."""
    with suppress(RecordNotFound):
        if core.metadata.get(file_id).status is FileStatus.PENDING:
            remove(core, file_id, owner)
