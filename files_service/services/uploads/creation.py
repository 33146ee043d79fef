"""Idempotent creation of files by request id."""

from __future__ import annotations

from files_service.core import Core
from files_service.domain.uploads import same_declaration
from files_service.errors import Conflict, PathTaken
from files_service.services.files import load_or_tombstone, remove
from files_service.services.free_paths import OnConflict, at_path, with_free_path
from files_service.services.uploads.quota import require_room, require_still_room
from files_service.services.versions.requests import file_of_request
from storage_adapters import FileRecord, NameTaken, Tombstone


def save_once(draft: FileRecord, core: Core, on_conflict: OnConflict = OnConflict.FAIL) -> FileRecord:
    """Save a new file, or return the file that an earlier call with the same request id created.

    Raises AliasTaken, PathTaken, and Conflict when the earlier call declared another file.
    """
    return made_earlier(draft, core) or _save(draft, core, on_conflict)


def save_if_room(draft: FileRecord, core: Core, on_conflict: OnConflict = OnConflict.FAIL) -> FileRecord:
    """Check quota and free space, then do as ``save_once``; the file of an earlier call needs no check.

    Raises InsufficientStorage.
    """
    return made_earlier(draft, core) or save_new_if_room(draft, core, on_conflict)


def save_new_if_room(draft: FileRecord, core: Core, on_conflict: OnConflict) -> FileRecord:
    """Do as ``save_if_room`` for a draft of which ``made_earlier`` has just found none."""
    charged = require_room(core, draft.owner, draft.size)
    record = _save(draft, core, on_conflict)
    if record.file_id == draft.file_id:
        require_still_room(core, draft.owner, charged, lambda: remove(core, draft.file_id))
    return record


def _save(draft: FileRecord, core: Core, on_conflict: OnConflict) -> FileRecord:
    def save(path: str | None) -> FileRecord:
        placed = draft if path is None else at_path(draft, path)
        return core.metadata.save(placed, expected_revision=0, changed_at=draft.created_at, event="created")

    try:
        return save(None) if draft.path is None else with_free_path(core, draft, draft.path, save, on_conflict)
    except (NameTaken, PathTaken):
        # A concurrent repetition of this call may have won; then its file has taken the alias and the path, too.
        earlier = made_earlier(draft, core)
        if earlier is None:
            raise
        return earlier


def made_earlier(draft: FileRecord, core: Core) -> FileRecord | None:
    """Return the file that an earlier call with the request id of this one created, None without one.

    Of a version that its file has by now, this is that file. Raises Conflict when that call declared another file.
    """
    if draft.request_id is None:
        return None
    [file_id] = core.metadata.resolve(draft.owner, "request_id", [draft.request_id])
    record = None if file_id is None else load_or_tombstone(core, file_id)
    if record is None or isinstance(record, Tombstone):
        return file_of_request(core, draft)
    if not same_declaration(record, draft):
        raise Conflict("this request_id was used for another file", {"field": "request_id", "file_id": file_id})
    return record
