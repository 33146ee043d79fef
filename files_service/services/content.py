"""Content of parts: read, copy and delete one blob or a manifest of chunks."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from files_service.core import Core
from files_service.domain.chunking import (
    JOINED_FROM,
    JOINED_INTO,
    PASSING_TOKEN,
    SPENT,
    chunk_key,
    chunk_key_beside,
    manifest_generation,
    manifest_of,
    upload_id_of_part,
)
from files_service.services.disk_faults import is_gone
from files_service.services.quarantine import hold_upload
from files_service.services.read_ahead import read_ahead
from storage_adapters import (
    BlobInfo,
    BlobNotFound,
    Chunk,
    Part,
    StorageDenied,
    StorageUnavailable,
    SupportsLocalFiles,
    SupportsPartUploads,
    SupportsUploads,
    Upload,
    UploadNotFound,
    UploadStatus,
)

logger = logging.getLogger(__name__)

_PAGE = 256
# Chunks of a range that are looked at before an answer begins.
LOOKED_AT = 1_024


def head(core: Core, part: Part) -> BlobInfo:
    """Return the description of the stored bytes of a part. Raises BlobNotFound."""
    if manifest_of(part) is None:
        try:
            return core.blobs.head(part.key)
        except BlobNotFound:
            if part.received_at is not None:
                raise
    upload = sealed_upload(core, part)
    if upload is None:
        raise BlobNotFound(f"no content {part.key}")
    return manifest_info(part, upload)


def complete_parts(core: Core, part: Part) -> None:
    """Make the blob of a missing part of what a client sent straight to the store, if all of it is there."""
    if part.received_at is None and isinstance(core.blobs, SupportsPartUploads):
        with suppress(BlobNotFound):
            core.blobs.complete_upload(part.key, size=part.size)


def end_parts(core: Core, part: Part) -> None:
    """End what a client sends straight to the store for a part that has not come; its addresses take nothing more."""
    if part.received_at is None and isinstance(core.blobs, SupportsPartUploads):
        core.blobs.end_uploads(part.key)


def manifest_info(part: Part, upload: Upload) -> BlobInfo:
    """Describe a part whose content is this manifest, as a blob store would."""
    assert upload.size is not None
    return BlobInfo(
        bucket=part.bucket,
        key=part.key,
        size=upload.size,
        content_type=part.content_type,
        created_at=upload.sealed_at or upload.created_at,
        generation=manifest_generation(upload.upload_id),
        sha256=upload.sha256,
        md5=upload.md5,
    )


def sealed_upload(core: Core, part: Part) -> Upload | None:
    """Return the manifest of a part, None without a complete one."""
    return _upload(core, manifest_of(part) or upload_id_of_part(part), UploadStatus.SEALED)


def open_upload(core: Core, part: Part) -> Upload | None:
    """Return the open upload of a part, None without one."""
    return _upload(core, upload_id_of_part(part), UploadStatus.OPEN)


def _upload(core: Core, upload_id: str | None, status: UploadStatus) -> Upload | None:
    if upload_id is None or not isinstance(core.metadata, SupportsUploads):
        return None
    try:
        upload = core.metadata.get_upload(upload_id)
    except UploadNotFound:
        return None
    return upload if upload.status is status else None


def require_whole(core: Core, part: Part) -> None:
    """Check that the blob of a received part is the one on record, at its full length. Raises BlobNotFound."""
    info = core.blobs.head(part.key)
    if info.size != part.size or part.generation not in (None, info.generation):
        raise BlobNotFound(f"the bytes of {part.key} were cut or replaced")


def require_range(core: Core, part: Part, *, offset: int, length: int) -> None:
    """Check that the bytes of a range are there, as far as that is cheap. Raises BlobNotFound.

    Of a store without local files, one request looks at the first object; on a local disk, ``LOOKED_AT`` chunks are
    looked at.
    """
    if manifest_of(part) is None:
        require_whole(core, part)
        return
    blobs = core.blobs
    if not isinstance(blobs, SupportsLocalFiles):
        for key, start, size in islice(chunk_slices(core, part, offset, offset + length), 1):
            if blobs.head(key).size < start + size:
                raise BlobNotFound(f"the chunk {key} was cut")
        return
    for key, start, size in islice(chunk_slices(core, part, offset, offset + length), LOOKED_AT):
        if blobs.local_path(key).stat().st_size < start + size:
            raise BlobNotFound(f"the chunk {key} was cut")


def read(core: Core, part: Part, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
    """Yield the bytes of a part in pieces of at most 1 MiB. Raises BlobNotFound."""
    if manifest_of(part) is None:
        return core.blobs.get(part.key, offset=offset, length=length, generation=part.generation)
    end = part.size if length is None else min(part.size, offset + length)
    return _read_chunks(core, part, offset, end)


def _read_chunks(core: Core, part: Part, offset: int, end: int) -> Iterator[bytes]:
    slices = chunk_slices(core, part, offset, end)
    if isinstance(core.blobs, SupportsLocalFiles):
        for key, start, length in slices:
            yield from core.blobs.get(key, offset=start, length=length)
        return
    yield from read_ahead(partial(core.blobs.get, key, offset=start, length=length) for key, start, length in slices)


def files(core: Core, part: Part, *, offset: int, length: int) -> Iterator[tuple[Path, int, int]] | None:
    """Return the local files of a range, each with start and length; None for a store without local files."""
    blobs = core.blobs
    if not isinstance(blobs, SupportsLocalFiles):
        return None
    if manifest_of(part) is None:
        return iter([(blobs.local_path(part.key), offset, length)])
    slices = chunk_slices(core, part, offset, offset + length)
    return ((blobs.local_path(key), start, size) for key, start, size in slices)


def chunk_slices(core: Core, part: Part, offset: int, end: int) -> Iterator[tuple[str, int, int]]:
    """Yield the keys of the chunks of a range, with start and length. Raises BlobNotFound for a missing chunk."""
    upload_id = manifest_of(part)
    assert upload_id is not None
    place = offset
    for chunk in chunks_of(core, upload_id, offset=offset):
        if place >= end:
            return
        if chunk.offset > place:
            break
        length = min(chunk.end, end) - place
        yield chunk_key_beside(part.key, chunk), place - chunk.offset, length
        place += length
    if place < end:
        raise BlobNotFound(f"the chunk at {place} of {part.key} is missing")


def has_all_chunks(core: Core, part: Part) -> bool:
    """Return True when every chunk of a manifest is there at its full length; True also for a part of one blob."""
    upload_id = manifest_of(part)
    if upload_id is None:
        return True
    try:
        return all(
            core.blobs.head(chunk_key_beside(part.key, chunk)).size == chunk.size
            for chunk in chunks_of(core, upload_id)
        )
    except BlobNotFound:
        return False


def chunks_of(core: Core, upload_id: str, *, offset: int = 0) -> Iterator[Chunk]:
    """Yield all chunks of an upload from an offset on, a page at a time."""
    uploads = uploads_in(core)
    while page := uploads.list_chunks(upload_id, offset=offset, limit=_PAGE):
        yield from page
        offset = page[-1].end


def delete(core: Core, part: Part) -> None:
    """Delete the blob and the upload of a part, finished or not; the sweep deletes the chunks."""
    core.blobs.delete(part.key)
    forget_chunks(core, part)


def forget_chunks(core: Core, part: Part) -> None:
    """Delete the upload of a part, open or complete."""
    upload_id = upload_id_of_part(part)
    if upload_id is not None and isinstance(core.metadata, SupportsUploads):
        if manifest_of(part) is not None:
            _forget_spent(core, core.metadata, upload_id)
        core.metadata.delete_upload(upload_id, now=core.clock())


def _forget_spent(core: Core, uploads: SupportsUploads, upload_id: str) -> None:
    """Delete the partial uploads that were joined into this one, unless an open upload waits for them."""
    for partial_id in _details(uploads, upload_id).get(JOINED_FROM, ()):
        partial = _details(uploads, partial_id)
        waiting = (_upload(core, each, UploadStatus.OPEN) for each in partial.get(JOINED_INTO, ()))
        if partial.get(SPENT) and not any(waiting):
            uploads.delete_upload(partial_id, now=core.clock())


def _details(uploads: SupportsUploads, upload_id: str) -> Mapping[str, Any]:
    try:
        return uploads.get_upload(upload_id).details
    except UploadNotFound:
        return {}


def forget_abandoned(core: Core, part: Part, *, now: int) -> bool:
    """Delete the open upload of a part if it has expired; return True when no open one is left, else False."""
    upload = open_upload(core, part)
    if upload is None:
        return True
    assert isinstance(core.metadata, SupportsUploads)
    if core.metadata.delete_upload(upload.upload_id, now=now, only_expired=True):
        hold_upload(core, upload)
    return open_upload(core, part) is None


def delete_generation(core: Core, part: Part, generation: str) -> None:
    """Delete exactly this generation of the bytes of a part, because others may have replaced it.

    Bytes that the store protects by a policy stay: the caller's decision does not depend on them, and no repetition
    deletes them.
    """
    if manifest_of(replace(part, generation=generation)) is None:
        try:
            core.blobs.delete(part.key, generation=generation)
        except StorageDenied as error:
            logger.warning("bytes not deleted", extra={"key": part.key, "error": str(error)})
        return
    with suppress(BlobNotFound):
        upload = sealed_upload(core, part)
        if upload is not None and head(core, part).generation == generation:
            hold_upload(core, upload)
            delete(core, part)


def passing_key(domain: str, object_id: str) -> str:
    """Return a new key for bytes of a chunk that are deleted at once; the comparison of records finds what is left."""
    return chunk_key(domain, object_id, secrets.token_hex(PASSING_TOKEN // 2))


def has_size(core: Core, key: str, size: int) -> bool:
    """Return True when a blob of this size is there."""
    with suppress(BlobNotFound):
        return core.blobs.head(key).size == size
    return False


def is_whole(core: Core, key: str, size: int) -> bool:
    """Return True when the blob of a chunk is there at its full length; delete one that was cut.

    One that a working disk cannot describe is deleted, too. ``size`` must be that of bytes with the hash of the chunk,
    never what a client says of them.
    """
    try:
        info = core.blobs.head(key)
    except BlobNotFound:
        return False
    except StorageUnavailable as error:
        if not is_gone(core.blobs, error):
            raise
        core.blobs.delete(key)
        return False
    if info.size != size:
        core.blobs.delete(key, generation=info.generation)
    return info.size == size


def uploads_in(core: Core) -> SupportsUploads:
    """Return the metadata store as one of uploads. Raises UploadNotFound when it keeps none."""
    uploads = core.metadata
    if not isinstance(uploads, SupportsUploads):
        raise UploadNotFound("the metadata store keeps no uploads")
    return uploads
