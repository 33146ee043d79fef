"""files.manifest: the chunks that a file's content is made of."""

from __future__ import annotations

from files_service.actions.base import Params, ParamsSchema, action, file_id_field, readable
from files_service.core import Core
from storage_adapters import JSON


class ManifestParams(ParamsSchema):
    """Parameters of files.manifest."""

    file_id = file_id_field()


@action("files.manifest", ManifestParams)
def manifest(params: Params, core: Core) -> JSON:
    """Return the manifest of a file: one chunk per part, in order; ``object_id`` is its SHA-256 where known."""
    record = readable(core, params["file_id"], params["actor"])
    chunks, start = [], 0
    for part in record.parts:
        received = part.received_at is not None
        if received:
            chunks.append({"object_id": part.sha256, "slice_start": start, "size": part.size})
        start += part.size
    return {
        "_id": record.file_id,
        "user_id": record.owner,
        "name": record.name,
        "size": record.size,
        "mime_type": record.content_type,
        "upload_size": sum(chunk["size"] for chunk in chunks),
        "upload_end": record.uploaded_at,
        "chunks": chunks,
    }
