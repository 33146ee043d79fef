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
from files_service.services.content import chunks_of, head, is_whole, passing_key, uploads_in
from files_service.services.encryption.domains import chunk_domain
from files_service.services.files import require
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
            chunk_domain=chunk_domain(core, owner),
        )
    )
    if copied.status is UploadStatus.OPEN:
        for chunk in chunks_of(core, upload_id, offset=copied.contiguous):
            copy_chunk(core, chunk, copied, of=original.domain, expires_at=expires_at)
        uploads.seal_upload(target_id, sealed_at=core.clock(), sha256=original.sha256, md5=original.md5)
    return head(core, target)


def copy_chunk(core: Core, chunk: Chunk, upload: Upload, *, of: str, expires_at: int) -> None:
    """Append a chunk of a domain to an upload; copy its blob for another domain that does not have it."""
    uploads, blobs = uploads_in(core), require(core.blobs, SupportsCopy)
    source = chunk_key(of, chunk.object_id, chunk.token)
    for _ in range(_ATTEMPTS):
        [place] = uploads.reserve_chunks(upload.domain, [chunk.object_id], now=core.clock())
        target = chunk_key(upload.domain, chunk.object_id, place.token)
        if place.stored and upload.chunk_domain not in ("", of):
            # The owner must not learn by the time that another one has these bytes.
            blobs.copy(source, vain := passing_key(upload.domain, chunk.object_id), now=core.clock())
            core.blobs.delete(vain)
        if not (place.stored and is_whole(core, target, chunk.size)):
            # Within one domain, source and target are one blob, which a copy cannot bring back.
            try:
                size = blobs.copy(source, target, now=core.clock()).size
            except BlobExists as error:
                size = error.info.size
            if size != chunk.size:
                raise BlobNotFound(f"the chunk {source} was cut")
        named = replace(chunk, token=place.token)
        with suppress(ChunkGone):
            uploads.append_chunks(upload.upload_id, [named], expires_at=expires_at)
            return
    raise UploadConflict("the sweep deleted the chunk at every attempt")
