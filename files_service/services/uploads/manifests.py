"""Manifests for callers: the stored chunks of a file or an upload."""

from __future__ import annotations

from collections.abc import Iterable

from files_service.core import Core
from files_service.domain.chunking import manifest_of, names_in_upload_id
from files_service.domain.uploads import find_part
from files_service.services.content import chunks_of, open_upload
from files_service.services.uploads.session import DECLARED
from storage_adapters import JSON, Chunk, FileRecord, Part, Upload


def manifest_of_record(core: Core, record: FileRecord) -> JSON:
    """Return the manifest of a file: the chunks of all its parts; a part that is one blob is one chunk."""
    chunks: list[JSON] = []
    start = 0
    for part in record.parts:
        chunks += _chunks_of_part(core, part, start)
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


def manifest_of_upload(core: Core, upload: Upload) -> JSON:
    """Return the manifest of an upload, with or without a file."""
    name, mime_type = _said_of(core, upload)
    return {
        "_id": upload.upload_id.partition("-")[0],
        "user_id": upload.owner,
        "name": name,
        "size": upload.size,
        "mime_type": mime_type,
        "upload_size": upload.received,
        "upload_end": upload.sealed_at,
        "chunks": _shown(chunks_of(core, upload.upload_id), 0),
    }


def _said_of(core: Core, upload: Upload) -> tuple[str | None, str | None]:
    """Return name and type as declared with the upload, or by files.upload for a part of a file."""
    said = upload.details.get(DECLARED)
    if said is not None:
        return said["name"], said["parts"][0].get("content_type")
    names = names_in_upload_id(upload.upload_id)
    assert names is not None
    record = core.metadata.get(names[0])
    part = find_part(record, names[1])
    return record.name, part.content_type if part is not None else None


def _chunks_of_part(core: Core, part: Part, start: int) -> list[JSON]:
    manifest = manifest_of(part)
    if manifest is None and part.received_at is not None:
        return [{"object_id": part.sha256, "slice_start": start, "size": part.size}]
    if manifest is None:
        upload = open_upload(core, part)
        manifest = upload.upload_id if upload is not None else None
    return _shown(chunks_of(core, manifest), start) if manifest is not None else []


def _shown(chunks: Iterable[Chunk], start: int) -> list[JSON]:
    return [{"object_id": chunk.object_id, "slice_start": start + chunk.offset, "size": chunk.size} for chunk in chunks]
