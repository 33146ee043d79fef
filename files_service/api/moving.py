"""files.move, files.trash, files.restore: files change their place."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import ValidationError, validates_schema

from files_service.api.access import outcome_of, result_of
from files_service.api.action import Params, action
from files_service.api.parameters import OneOrManyParams
from files_service.api.places import new_folder_field, on_conflict_field, path_field
from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.services.moving import move_file
from files_service.services.trash import restore_file, trash_file
from storage_adapters import JSON, FileRecord, Tombstone


class MoveParams(OneOrManyParams):
    """Parameters of files.move."""

    path = path_field("New path of the one file.")
    folder = new_folder_field("Folder into which the files go under their names; empty for the top.")
    on_conflict = on_conflict_field()

    @validates_schema
    def one_place(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Require a path for one file, or a folder."""
        if ("path" in data) is ("folder" in data):
            raise ValidationError("Give path, or folder.", "path")
        if "path" in data and "file_ids" in data:
            raise ValidationError("Several files have no path in common: give folder.", "path")


@action("files.move", MoveParams)
def move(params: Params, core: Core) -> JSON:
    """Move files to a path or into a folder; each file succeeds or fails on its own."""

    def moved(file_id: str) -> FileRecord:
        place = {"path": params.get("path"), "folder": params.get("folder")}
        return move_file(core, file_id, actor=params["actor"], on_conflict=params["on_conflict"], **place)

    if "file_id" in params:
        return to_wire(moved(params["file_id"]))
    return {"files": [result_of(each, partial(moved, each), shown="path") for each in params["file_ids"]]}


@action("files.trash", OneOrManyParams)
def trash(params: Params, core: Core) -> JSON:
    """Move files to the trash; one that was never finished is removed. Each file succeeds or fails on its own."""

    def trashed(file_id: str) -> JSON:
        return trash_result(trash_file(core, file_id, actor=params["actor"]))

    if "file_id" in params:
        return trashed(params["file_id"])
    return {"files": [outcome_of(each, partial(trashed, each)) for each in params["file_ids"]]}


@action("files.restore", OneOrManyParams)
def restore(params: Params, core: Core) -> JSON:
    """Take files out of the trash, back to their paths; each file succeeds or fails on its own."""

    def taken_out(file_id: str) -> FileRecord:
        return restore_file(core, file_id, actor=params["actor"])

    if "file_id" in params:
        return to_wire(taken_out(params["file_id"]))
    return {"files": [result_of(each, partial(taken_out, each), shown="path") for each in params["file_ids"]]}


def trash_result(left: FileRecord | Tombstone) -> JSON:
    """Return what became of a file: it is in the trash, or was removed."""
    removed = isinstance(left, Tombstone)
    return {
        "file_id": left.file_id,
        "trashed_at": None if isinstance(left, Tombstone) else left.trashed_at,
        "removed": removed,
        "revision": left.revision,
        "change_token": f"{left.file_id}:{left.revision}",
    }
