"""Moves of single files between folders."""

from __future__ import annotations

from functools import partial

from files_service.core import Core
from files_service.domain.access import may_change
from files_service.domain.paths import BadPath, joined, name_of, segment_of
from files_service.errors import Forbidden, bad_request
from files_service.services.files import change, changeable, require_change, require_mutable, require_not_trashed
from files_service.services.free_paths import OnConflict, at_path, with_free_path
from storage_adapters import FileRecord


def move_file(
    core: Core, file_id: str, *, actor: str | None, path: str | None, folder: str | None, on_conflict: OnConflict
) -> FileRecord:
    """Move a file to a path, or into a folder under its name; repeating the call changes nothing.

    Raises PathTaken, Immutable, Gone for a file in the trash, and Forbidden for a place that the actor does not reach.
    """
    record = changeable(core, file_id, actor)
    _require_movable(record, actor)
    target = path if path is not None else _in_folder(record, folder or "")
    save = partial(_save, core, record, actor)
    if record.path == target:
        return save(target)
    return with_free_path(core, record, target, save, on_conflict)


def _save(core: Core, loaded: FileRecord, actor: str | None, path: str) -> FileRecord:
    def decide(record: FileRecord) -> FileRecord:
        _require_movable(record, actor)
        if record.path != path:
            require_mutable(record)
        moved = at_path(record, path)
        if not may_change(moved, actor):
            raise Forbidden("the actor may not move the file there", {"field": "path"})
        return moved

    return change(core, loaded.file_id, decide, event="moved", loaded=loaded)


def _require_movable(record: FileRecord, actor: str | None) -> None:
    require_change(record, actor)
    require_not_trashed(record)


def _in_folder(record: FileRecord, folder: str) -> str:
    try:
        name = name_of(record.path) if record.path is not None else segment_of(record.name)
        return joined(folder, name, before=record.path or "")
    except BadPath as error:
        raise bad_request("folder", str(error)) from error
