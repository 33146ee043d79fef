"""Comparison of repeated bytes with the stored bytes of an upload."""

from __future__ import annotations

import hashlib

from files_service.core import Core
from files_service.domain.chunking import chunk_key
from files_service.errors import BytesLost
from files_service.services.content import chunks_of
from files_service.services.uploads.chunk_bytes import keep_whole
from storage_adapters import BlobNotFound, Chunk, Upload, UploadConflict


def require_same_bytes(core: Core, upload: Upload, offset: int, data: memoryview) -> None:
    """Compare bytes with the stored chunks of their range; gaps are ignored.

    A chunk whose stored bytes are lost or cut is stored again if all of its bytes are at hand. Raises UploadConflict
    for other bytes, BytesLost when there is nothing left to compare with.
    """
    end = offset + len(data)
    for chunk in chunks_of(core, upload.upload_id, offset=offset):
        if chunk.offset >= end:
            return
        start = max(offset, chunk.offset)
        given = data[start - offset : min(end, chunk.end) - offset]
        if not _is_same(core, upload, chunk, start - chunk.offset, given):
            raise UploadConflict(f"other bytes are stored at offset {start}")


def _is_same(core: Core, upload: Upload, chunk: Chunk, start: int, given: memoryview) -> bool:
    key = chunk_key(upload.domain, chunk.object_id, chunk.token)
    if len(given) == chunk.size:
        # The hash is the name of the chunk, so the stored bytes need not be read.
        if hashlib.sha256(given).hexdigest() != chunk.object_id:
            return False
        keep_whole(core, key, given, chunk.object_id)
        return True
    place = 0
    try:
        for piece in core.blobs.get(key, offset=start, length=len(given)):
            if given[place : place + len(piece)] != piece:
                return False
            place += len(piece)
        if place < len(given):
            raise BlobNotFound(f"the chunk {key} was cut")
    except BlobNotFound as error:
        details = {"upload_id": upload.upload_id, "offset": chunk.offset, "size": chunk.size}
        raise BytesLost("stored bytes are lost: send the whole slice again", details) from error
    return True
