"""files.manifest: the chunks of a file's content."""

from __future__ import annotations

from marshmallow import fields, validate

from files_service.api.action import Params, ParamsSchema, action, file_id_field
from files_service.core import Core
from files_service.services.files import readable
from files_service.services.uploads.manifests import MOST_CHUNKS, PAGE_CHUNKS, manifest_of_record
from storage_adapters import JSON


class ManifestParams(ParamsSchema):
    """Parameters of files.manifest."""

    file_id = file_id_field()
    start = fields.Integer(
        strict=True,
        load_default=0,
        validate=validate.Range(0, 2**53),
        metadata={"description": "next_start of the previous page; a page begins with the chunk at this byte."},
    )
    limit = fields.Integer(
        strict=True,
        load_default=PAGE_CHUNKS,
        validate=validate.Range(1, MOST_CHUNKS),
        metadata={"description": "Chunks per page."},
    )


@action("files.manifest", ManifestParams)
def manifest(params: Params, core: Core) -> JSON:
    """Return the manifest of a file: the received chunks, in order; ``object_id`` is a chunk's SHA-256."""
    record = readable(core, params["file_id"], params["actor"])
    return manifest_of_record(core, record, start=params["start"], limit=params["limit"])
