"""One action on many files, with a result for each, repeatable by the id of the request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any

from files_service.core import Core
from files_service.domain.paths import BadPath, renamed
from files_service.errors import Busy, Conflict, bad_request, error_from_wire
from files_service.services import editing
from files_service.services.accounts import documents
from files_service.services.files import changeable
from files_service.services.free_paths import OnConflict
from files_service.services.moving import move_file
from files_service.services.trash import restore_file, trash_file
from storage_adapters import JSON, FileRecord, RevisionConflict, Tombstone

RESULTS = "bulk_results"
KEPT_MS = 86_400_000


class BulkAction(StrEnum):
    """Actions on many files."""

    MOVE = "move"
    RENAME = "rename"
    TRASH = "trash"
    RESTORE = "restore"
    TAG = "tag"
    ACCESS = "access"


# The field of an item that each action needs; a move needs one of two.
NEEDED: Mapping[BulkAction, tuple[str, ...]] = {
    BulkAction.MOVE: ("path", "folder"),
    BulkAction.RENAME: ("name",),
    BulkAction.TAG: ("tags",),
    BulkAction.ACCESS: ("access",),
}


def act(
    core: Core, action: BulkAction, item: Mapping[str, Any], *, actor: str | None, on_conflict: OnConflict
) -> FileRecord | Tombstone:
    """Do the action to one file. Raises FilesError."""
    file_id = item["file_id"]
    match action:
        case BulkAction.MOVE:
            place = {"path": item.get("path"), "folder": item.get("folder")}
            return move_file(core, file_id, actor=actor, on_conflict=on_conflict, **place)
        case BulkAction.RENAME:
            return _rename(core, file_id, item["name"], actor, on_conflict)
        case BulkAction.TRASH:
            return trash_file(core, file_id, actor=actor)
        case BulkAction.RESTORE:
            return restore_file(core, file_id, actor=actor)
        case BulkAction.TAG:
            return editing.set_tags(core, file_id, item["tags"], lambda old, given: (*old, *given), actor=actor)
        case BulkAction.ACCESS:
            return editing.set_access(core, file_id, item["access"], actor=actor)


def once(
    core: Core, actor: str | None, request_id: str | None, said: object, run: Callable[[], list[JSON]]
) -> list[JSON]:
    """Return the results of an earlier call with the id of this request, else run and keep them for a day.

    A call that died in between runs again, and so does one with a temporary failure, whose results are not kept: each
    action does nothing to a file to which it was done. Raises Conflict when the earlier call said something else.
    """
    if request_id is None:
        return run()
    document_id, call = _digest([actor, request_id]), _digest(said)
    kept = documents.find(core, RESULTS, document_id)
    if kept is not None:
        if kept.body["call"] != call:
            raise Conflict("the request_id belongs to another call", {"field": "request_id"})
        return list(kept.body["results"])
    results = run()
    if any(map(_has_failed_for_now, results)):
        return results
    body = {"call": call, "results": results}
    document = documents.new_document(RESULTS, document_id, body, expires_at=core.clock() + KEPT_MS)
    with suppress(RevisionConflict):
        documents.put(core, document)
    return results


def _digest(value: object) -> str:
    # As JSON: an owner is any text, so that a separator between two would not tell them apart.
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _has_failed_for_now(result: JSON) -> bool:
    """Return True when a file failed by an error that a repeated call may not meet."""
    if "error" not in result:
        return False
    error = error_from_wire(result["error"])
    # A conflict is a lost race: no action is for one revision.
    return error.http_status >= 500 or isinstance(error, Busy | Conflict)


def _rename(core: Core, file_id: str, name: str, actor: str | None, on_conflict: OnConflict) -> FileRecord:
    record = changeable(core, file_id, actor)
    if record.path is None:
        return editing.update(core, file_id, {"name": name}, actor=actor, expected_revision=None)
    try:
        path = renamed(record.path, name)
    except BadPath as error:
        raise bad_request("name", str(error)) from error
    return move_file(core, file_id, actor=actor, path=path, folder=None, on_conflict=on_conflict)
