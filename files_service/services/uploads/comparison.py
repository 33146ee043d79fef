"""Comparison of repeated bytes with the stored bytes of an upload."""

from __future__ import annotations

import hashlib

from files_service.core import Core
from files_service.domain.chunking import chunk_key
from files_service.services.content import chunks_of
from storage_adapters import Chunk, Upload, UploadConflict


def require_same_bytes(core: Core, upload: Upload, offset: int, data: memoryview) -> None:
    """Compare bytes with the stored chunks of their range; gaps are ignored. Raises UploadConflict."""
    end = offset + len(data)
    for chunk in chunks_of(core, upload.upload_id, offset=offset):
        if chunk.offset >= end:
            return
        start = max(offset, chunk.offset)
        given = data[start - offset : min(end, chunk.end) - offset]
        if not _is_same(core, upload, chunk, start - chunk.offset, given):
            raise UploadConflict(f"other bytes are stored at offset {start}")


def _is_same(core: Core, upload: Upload, chunk: Chunk, start: int, given: memoryview) -> bool:
    if len(given) == chunk.size:
        # The hash is the name of the chunk, so the stored bytes need not be read.
        return hashlib.sha256(given).hexdigest() == chunk.object_id
    place = 0
    key = chunk_key(upload.owner, chunk.object_id, chunk.token)
    for piece in core.blobs.get(key, offset=start, length=len(given)):
        if given[place : place + len(piece)] != piece:
            return False
        place += len(piece)
    return place == len(given)
