"""Bytes of one chunk in the blob store."""

from __future__ import annotations

from files_service.core import Core
from files_service.services import content
from storage_adapters import BlobExists, StorageUnavailable, SupportsWholeWrites

CHUNK_TYPE = "application/octet-stream"
_ATTEMPTS = 20


def keep_whole(core: Core, key: str, data: memoryview, object_id: str) -> None:
    """Store the bytes of a chunk unless they are there at their full length; ``object_id`` is their hash."""
    if not content.is_whole(core, key, len(data)):
        write_chunk(core, key, data, object_id)


def write_in_vain(core: Core, domain: str, data: memoryview, object_id: str) -> None:
    """Write bytes that are stored already and delete them again, which takes as long as if they were new."""
    key = content.passing_key(domain, object_id)
    write_chunk(core, key, data, object_id)
    core.blobs.delete(key)


def write_chunk(core: Core, key: str, data: memoryview, object_id: str) -> None:
    """Store the bytes of a chunk that is not there; a concurrent writer may be faster."""
    blobs, now = core.blobs, core.clock()
    for _ in range(_ATTEMPTS):
        try:
            if isinstance(blobs, SupportsWholeWrites):
                blobs.write_whole(key, data, sha256=object_id, content_type=CHUNK_TYPE, now=now)
            else:
                blobs.put(key, [bytes(data)], content_type=CHUNK_TYPE, now=now, declared={"sha256": object_id})
        except BlobExists:
            # A concurrent writer stored the chunk, or it was cut since.
            if not content.is_whole(core, key, len(data)):
                continue
        return
    raise StorageUnavailable(f"the chunk {key} is cut or lost at every attempt")
