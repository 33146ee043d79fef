"""files.archive: a ZIP archive of files, made while it is sent."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, validates_schema

from files_service.api.action import Params, ParamsSchema, action, file_id_field, owner_field
from files_service.api.fields import several, string
from files_service.api.text import line
from files_service.core import Core
from files_service.services.archives.manifests import make_archive
from files_service.services.archives.selection import MOST_FILES, files_below, folders_below, named_files
from storage_adapters import JSON


class ArchiveParams(ParamsSchema):
    """Parameters of files.archive."""

    file_ids = several(file_id_field(required=False), f"1 to {MOST_FILES} ids of files.", 1, MOST_FILES)
    folder = string("Path of a folder, with owner.", line(1, 1_024))
    owner = owner_field(required=False, description="Owner of the folder.")
    name = string("Name under which a browser saves the archive.", line(1, 200), load_default="files.zip")

    @validates_schema
    def one_selection(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Require file_ids, or folder and owner."""
        given = {name for name in ("file_ids", "folder", "owner") if name in data}
        if given not in ({"file_ids"}, {"folder", "owner"}):
            raise ValidationError("Give file_ids, or folder and owner.", "file_ids")


@action("files.archive", ArchiveParams)
def archive(params: Params, core: Core) -> JSON:
    """Make a ZIP archive of files; its URL is for the actor alone, for a day."""
    actor = params["actor"]
    if "folder" in params:
        files = files_below(core, actor, params["owner"], params["folder"])
        folders = folders_below(core, params["owner"], params["folder"])
        return make_archive(core, actor, files, params["name"], folders)
    return make_archive(core, actor, named_files(core, actor, params["file_ids"]), params["name"])
