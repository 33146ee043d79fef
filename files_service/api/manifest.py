"""files.manifest: the chunks of a file's content."""

from __future__ import annotations

from files_service.api.action import Params, ParamsSchema, action, file_id_field
from files_service.api.fields import integer
from files_service.core import Core
from files_service.services.files import readable
from files_service.services.uploads.manifests import MOST_CHUNKS, PAGE_CHUNKS, manifest_of_record
from storage_adapters import JSON


class ManifestParams(ParamsSchema):
    """Parameters of files.manifest."""

    file_id = file_id_field()
    start = integer(
        "next_start of the previous page; a page begins with the chunk at this byte.", 0, 2**53, load_default=0
    )
    limit = integer("Chunks per page.", 1, MOST_CHUNKS, load_default=PAGE_CHUNKS)


@action("files.manifest", ManifestParams)
def manifest(params: Params, core: Core) -> JSON:
    """Return the manifest of a file: the received chunks, in order; ``object_id`` is a chunk's SHA-256."""
    record = readable(core, params["file_id"], params["actor"])
    return manifest_of_record(core, record, start=params["start"], limit=params["limit"])
