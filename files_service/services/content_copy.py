"""Copies of the content of a part, one blob or a manifest of chunks, for another part."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from files_service.core import Core
from files_service.domain.chunking import (
    chunk_key,
    manifest_of,
    upload_id_of_part,
)
from files_service.services.content import chunks_of, head, is_whole, uploads_in
from storage_adapters import (
    BlobExists,
    BlobInfo,
    BlobNotFound,
    Chunk,
    ChunkGone,
    Part,
    SupportsCopy,
    Upload,
    UploadConflict,
    UploadStatus,
)

_ATTEMPTS = 20


def copy(core: Core, source: Part, target: Part, *, owner: str) -> BlobInfo:
    """Copy the content of a part to another part; continue after an interruption."""
    blobs = core.blobs
    assert isinstance(blobs, SupportsCopy)
    upload_id = manifest_of(source)
    if upload_id is None:
        return blobs.copy(source.key, target.key, now=core.clock())
    uploads = uploads_in(core)
    original = uploads.get_upload(upload_id)
    target_id = upload_id_of_part(target)
    assert target_id is not None
    expires_at = core.clock() + core.settings.upload_ttl_seconds * 1000
    copied = uploads.create_upload(
        Upload(
            upload_id=target_id,
            owner=owner,
            created_at=core.clock(),
            expires_at=expires_at,
            size=original.size,
            chunk_size=original.chunk_size,
        )
    )
    if copied.status is UploadStatus.OPEN:
        for chunk in chunks_of(core, upload_id, offset=copied.contiguous):
            _copy_chunk(core, original.owner, chunk, target_id, owner, expires_at)
        uploads.seal_upload(target_id, sealed_at=core.clock(), sha256=original.sha256, md5=original.md5)
    return head(core, target)


def _copy_chunk(core: Core, source_owner: str, chunk: Chunk, target_id: str, owner: str, expires_at: int) -> None:
    """Append a chunk to another upload; copy its blob for an owner who does not have it."""
    uploads, blobs = uploads_in(core), core.blobs
    assert isinstance(blobs, SupportsCopy)
    for _ in range(_ATTEMPTS):
        [place] = uploads.reserve_chunks(owner, [chunk.object_id], now=core.clock())
        source = chunk_key(source_owner, chunk.object_id, chunk.token)
        target = chunk_key(owner, chunk.object_id, place.token)
        if not (place.stored and is_whole(core, target, chunk.size)):
            # Within one owner, source and target are one blob, which a copy cannot bring back.
            try:
                size = blobs.copy(source, target, now=core.clock()).size
            except BlobExists as error:
                size = error.info.size
            if size != chunk.size:
                raise BlobNotFound(f"the chunk {source} was cut")
        named = replace(chunk, token=place.token)
        with suppress(ChunkGone):
            uploads.append_chunks(target_id, [named], expires_at=expires_at)
            return
    raise UploadConflict("the sweep deleted the chunk at every attempt")
