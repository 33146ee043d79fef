"""files.manifest: the chunks of a file's content."""

from __future__ import annotations

from files_service.api.action import Params, ParamsSchema, action, file_id_field
from files_service.core import Core
from files_service.services.files import readable
from files_service.services.uploads.manifests import manifest_of_record
from storage_adapters import JSON


class ManifestParams(ParamsSchema):
    """Parameters of files.manifest."""

    file_id = file_id_field()


@action("files.manifest", ManifestParams)
def manifest(params: Params, core: Core) -> JSON:
    """Return the manifest of a file: the received chunks, in order; ``object_id`` is a chunk's SHA-256."""
    return manifest_of_record(core, readable(core, params["file_id"], params["actor"]))
