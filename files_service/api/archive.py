"""files.archive: a ZIP archive of files, made while it is sent."""

from __future__ import annotations

from marshmallow import fields, validate

from files_service.api.action import Params, ParamsSchema, action, file_id_field
from files_service.api.bounded import BoundedList
from files_service.api.text import line
from files_service.core import Core
from files_service.services.archives.manifests import MOST_FILES, make_archive
from storage_adapters import JSON


class ArchiveParams(ParamsSchema):
    """Parameters of files.archive."""

    file_ids = BoundedList(
        file_id_field(required=False),
        required=True,
        validate=validate.Length(1, MOST_FILES),
        metadata={"description": f"1 to {MOST_FILES} ids of files."},
    )
    name = fields.String(
        load_default="files.zip",
        validate=line(1, 200),
        metadata={"description": "Name under which a browser saves the archive."},
    )


@action("files.archive", ArchiveParams)
def archive(params: Params, core: Core) -> JSON:
    """Make a ZIP archive of files; its URL is for the actor alone, for a day."""
    return make_archive(core, params["actor"], params["file_ids"], params["name"])
