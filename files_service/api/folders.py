"""folders.*, and the trash as a whole."""

from __future__ import annotations

from files_service.api.action import Params, ParamsSchema, action, owner_field
from files_service.api.fields import choice, integer
from files_service.api.parameters import cursor_field, request_id_field
from files_service.api.places import folder_field, new_folder_field
from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.domain.paths import folder_shown
from files_service.services.files import require_acts_for
from files_service.services.folders.listing import list_folder
from files_service.services.folders.trashed import entries_of
from files_service.services.jobs import whole_folders
from files_service.services.jobs.whole_folders import FolderConflict
from storage_adapters import JSON

_REPEATED = "Idempotency key: repeating the call with it returns the same job."


class CreateParams(ParamsSchema):
    """Parameters of folders.create."""

    owner = owner_field()
    path = new_folder_field("Path of the folder, such as `films/2026`.", required=True)


class ListParams(ParamsSchema):
    """Parameters of folders.list."""

    owner = owner_field()
    path = folder_field("The folder; empty for the top.", load_default="")
    limit = integer("Most rows of the page.", 1, 100, load_default=100)
    cursor = cursor_field("next_cursor of the previous page; the folder must be the same.")


class MoveParams(ParamsSchema):
    """Parameters of folders.move."""

    owner = owner_field()
    path = folder_field("The folder.", required=True)
    to = new_folder_field("Its new path.", required=True)
    on_conflict = choice(
        FolderConflict,
        "`rename` takes the next free name, `merge` moves into what is there, `fail`.",
        load_default=FolderConflict.RENAME,
    )
    request_id = request_id_field(_REPEATED)


class RemoveParams(ParamsSchema):
    """Parameters of folders.remove."""

    owner = owner_field()
    path = folder_field("The folder.", required=True)
    request_id = request_id_field(_REPEATED)


class RestoreParams(ParamsSchema):
    """Parameters of folders.restore."""

    owner = owner_field()
    path = folder_field("Path of the folder when it was trashed.", required=True)
    trashed_at = integer("Time at which it was trashed.", required=True)
    request_id = request_id_field(_REPEATED)


class TrashedParams(ParamsSchema):
    """Parameters of folders.trashed."""

    owner = owner_field()
    limit = integer("Most rows of the page.", 1, 100, load_default=100)


class EmptyTrashParams(ParamsSchema):
    """Parameters of files.empty_trash."""

    owner = owner_field()
    request_id = request_id_field(_REPEATED)


@action("folders.create", CreateParams)
def create(params: Params, core: Core) -> JSON:
    """Make a folder and those in which it lies; one that is there stays as it is."""
    made = whole_folders.create_folder(core, params["owner"], params["path"], actor=params["actor"])
    return {**folder_shown(params["path"]), "created": made}


@action("folders.list", ListParams)
def list_folders(params: Params, core: Core) -> JSON:
    """Return one page of a folder: its files and folders, in the order of their paths."""
    page = list_folder(
        core,
        params["owner"],
        params["path"],
        actor=params["actor"],
        limit=params["limit"],
        cursor=params["cursor"],
    )
    return {
        "path": params["path"],
        "files": [to_wire(record, params["actor"]) for record in page.files],
        "folders": [folder_shown(each) for each in page.folders],
        "next_cursor": page.next_cursor,
    }


@action("folders.move", MoveParams)
def move(params: Params, core: Core) -> JSON:
    """Move a folder with all that is in it, in the call or by a job."""
    named = {name: params[name] for name in ("actor", "on_conflict", "request_id")}
    return whole_folders.move_folder(core, params["owner"], params["path"], params["to"], **named).shown()


@action("folders.remove", RemoveParams)
def remove(params: Params, core: Core) -> JSON:
    """Move a folder with all that is in it to the trash, in the call or by a job."""
    named = {name: params[name] for name in ("actor", "request_id")}
    return whole_folders.trash_folder(core, params["owner"], params["path"], **named).shown()


@action("folders.restore", RestoreParams)
def restore(params: Params, core: Core) -> JSON:
    """Take out of the trash what was trashed as one folder, in the call or by a job."""
    named = {name: params[name] for name in ("actor", "request_id")}
    return whole_folders.restore_folder(core, params["owner"], params["path"], params["trashed_at"], **named).shown()


@action("folders.trashed", TrashedParams)
def list_trashed(params: Params, core: Core) -> JSON:
    """Return the folders that were trashed as one, the newest first."""
    require_acts_for(params["owner"], params["actor"])
    return {"folders": list(entries_of(core, params["owner"], params["limit"]))}


@action("files.empty_trash", EmptyTrashParams)
def empty_trash(params: Params, core: Core) -> JSON:
    """Delete for good what is in the trash now, in the call or by a job."""
    named = {name: params[name] for name in ("actor", "request_id")}
    return whole_folders.empty_trash(core, params["owner"], **named).shown()
