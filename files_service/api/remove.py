"""files.remove: delete a file and its bytes."""

from __future__ import annotations

from files_service.api.action import Params, ParamsSchema, action, file_id_field
from files_service.api.parameters import flag
from files_service.core import Core
from files_service.services import files
from files_service.services.trash import remove_trashed
from storage_adapters import JSON


class RemoveParams(ParamsSchema):
    """Parameters of files.remove."""

    file_id = file_id_field()
    soft = flag("Delete only the record; keep the bytes in the blob store. This is not the trash.")
    only_trashed = flag("Delete the file only if it is in the trash; else it is a conflict.")


@action("files.remove", RemoveParams)
def remove(params: Params, core: Core) -> JSON:
    """Delete a file; repeating the call returns the same result."""
    named = {"actor": params["actor"], "keep_blobs": params["soft"]}
    remove_file = remove_trashed if params["only_trashed"] else files.remove
    tombstone = remove_file(core, params["file_id"], **named)
    return {
        "file_id": tombstone.file_id,
        "removed": True,
        "revision": tombstone.revision,
        "change_token": f"{tombstone.file_id}:{tombstone.revision}",
    }
