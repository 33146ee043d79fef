"""files.remove: a file goes, and its bytes with it."""

from __future__ import annotations

from files_service.actions.base import (
    MAX_RACES,
    Params,
    ParamsSchema,
    action,
    file_id_field,
    load_or_tombstone,
    require_acts_for,
    require_mutable,
)
from files_service.actions.parameters import flag
from files_service.core import Core
from files_service.errors import Conflict
from storage_adapters import JSON, FileRecord, RevisionConflict, SupportsResumableUpload, Tombstone


class RemoveParams(ParamsSchema):
    """Parameters of files.remove."""

    file_id = file_id_field()
    soft = flag("Keep the bytes in the blob store; only the record goes.")


@action("files.remove", RemoveParams)
def remove(params: Params, core: Core) -> JSON:
    """Remove a file; repeating it is the same answer."""
    for attempt in range(MAX_RACES):
        record = load_or_tombstone(core, params["file_id"])
        require_acts_for(record.owner, params["actor"])
        if isinstance(record, Tombstone):
            return _answer(record)
        require_mutable(record)
        try:
            return _answer(bury(core, record, event="removed", keep_blobs=params["soft"]))
        except RevisionConflict:
            core.back_off(attempt)
    raise Conflict("the file is being changed by too many at once", {"file_id": params["file_id"]})


def bury(core: Core, record: FileRecord, *, event: str, keep_blobs: bool) -> Tombstone:
    """Delete the record as it was read; its blobs may go once no upload address of it can bring bytes any more."""
    now = core.clock()
    # An address that the store made may be good for longer than the upload, and nobody can call it back.
    late = core.blobs.upload_seconds * 1000 if isinstance(core.blobs, SupportsResumableUpload) else 0
    clean_after = None if keep_blobs else max(now, (record.upload_expires_at or 0) + late)
    return core.metadata.delete(
        record.file_id, expected_revision=record.revision, deleted_at=now, event=event, clean_after=clean_after
    )


def _answer(tombstone: Tombstone) -> JSON:
    return {
        "file_id": tombstone.file_id,
        "removed": True,
        "revision": tombstone.revision,
        "change_token": f"{tombstone.file_id}:{tombstone.revision}",
    }
