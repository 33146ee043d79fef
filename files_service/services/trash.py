"""The trash: files go there and come back, each by one save; what else a file has stays with it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from files_service.core import Core
from files_service.domain.paths import restored
from files_service.errors import Conflict
from files_service.services.files import (
    change,
    changeable,
    load_or_tombstone,
    remove_unless,
    require_change,
    require_mutable,
)
from files_service.services.free_paths import OnConflict, at_path, with_free_path
from storage_adapters import FileRecord, Tombstone


def is_kept_in_trash(record: FileRecord) -> bool:
    """Return True when the trash takes the file: it has been finished once. Any other is removed."""
    return record.processed_at is not None and record.version_of is None


def trash_file(
    core: Core, file_id: str, *, actor: str | None, trashed_at: int | None = None, loaded: FileRecord | None = None
) -> FileRecord | Tombstone:
    """Move a file to the trash, or remove one that was never finished; repeating the call changes nothing.

    A file that has left the path of ``loaded`` meanwhile stays. Raises Forbidden, Immutable, Conflict.
    """
    record = load_or_tombstone(core, file_id) if loaded is None else loaded
    require_change(record, actor)
    if isinstance(record, FileRecord) and not is_kept_in_trash(record):
        record = remove_unless(core, file_id, is_kept_in_trash, actor)
    if isinstance(record, Tombstone):
        return record
    now = core.clock() if trashed_at is None else trashed_at

    def decide(found: FileRecord) -> FileRecord:
        require_change(found, actor)
        if found.trashed_at is not None or (loaded is not None and found.path != loaded.path):
            return found
        require_mutable(found)
        return replace(found, trashed_at=now)

    return change(core, file_id, decide, event="trashed", loaded=record)


def remove_trashed(core: Core, file_id: str, actor: str | None, *, keep_blobs: bool = False) -> Tombstone:
    """Remove a file that is in the trash. Raises Forbidden, and Conflict for any other."""
    left = remove_unless(core, file_id, lambda record: record.trashed_at is None, actor, keep_blobs=keep_blobs)
    if isinstance(left, FileRecord):
        raise Conflict("the file is not in the trash", {"file_id": file_id})
    return left


def restore_file(
    core: Core, file_id: str, *, actor: str | None, path: str | None = None, loaded: FileRecord | None = None
) -> FileRecord:
    """Take a file out of the trash, to its path or beside the file that has it now; repeating changes nothing.

    ``path`` is another place for it. Raises Forbidden, PathTaken.
    """
    record = changeable(core, file_id, actor) if loaded is None else loaded
    wanted = record.path if path is None else path
    save = partial(_restore, core, record, actor)
    if record.trashed_at is None or wanted is None:
        return save(None)
    return with_free_path(core, record, wanted, save, OnConflict.RENAME, restored)


def _restore(core: Core, loaded: FileRecord, actor: str | None, path: str | None) -> FileRecord:
    def decide(record: FileRecord) -> FileRecord:
        require_change(record, actor)
        if record.trashed_at is None:
            return record
        back = replace(record, trashed_at=None)
        return back if path is None else at_path(back, path)

    return change(core, loaded.file_id, decide, event="restored", loaded=loaded)
