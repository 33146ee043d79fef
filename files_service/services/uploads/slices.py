"""Slices of an upload, in any order: their check and their storage, for doors that take them one by one."""

from __future__ import annotations

from files_service.domain.chunking import fits
from files_service.errors import Forbidden, TooLarge
from files_service.services.uploads.chunk_store import Stored
from files_service.services.uploads.concatenate import is_joined
from files_service.services.uploads.quota import charge_growth, require_room_for_more
from files_service.services.uploads.writer import Engine
from storage_adapters import Upload

_MOST_BYTES = 2**53


def require_takes_slices(upload: Upload) -> None:
    """Raise Forbidden for an upload whose bytes come from others."""
    if is_joined(upload):
        raise Forbidden("this upload is joined from others", {"upload_id": upload.upload_id})


def require_fits(upload: Upload, offset: int, size: int) -> None:
    """Raise TooLarge for a slice beyond the end of the upload, or longer than a chunk."""
    if not fits(upload, offset, size) or offset + size > _MOST_BYTES:
        raise TooLarge(f"the upload ends at {upload.size}", {"field": "offset", "limit": upload.size})
    if size > upload.chunk_size:
        raise TooLarge("a slice is at most one chunk", {"field": "frame", "limit": upload.chunk_size})


def store_slice(
    engine: Engine, upload: Upload, offset: int, data: memoryview, object_id: str | None = None
) -> tuple[str, Stored]:
    """Store a slice that fits; return its hash, and what was new of it.

    ``object_id`` is the hash where the caller has computed it. Repeated bytes change nothing. Raises UploadConflict for
    other bytes than the stored ones, TooLarge and InsufficientStorage without room.
    """
    _require_room(engine, upload, offset, len(data))
    return engine.chunks.take(upload, offset, data, object_id)


def _require_room(engine: Engine, upload: Upload, offset: int, size: int) -> None:
    """Check the room for a slice; of an upload without a size, charge its new bytes to the quota of the tenant."""
    if upload.size is not None:
        require_room_for_more(engine.core, upload, size, end=offset + size)
    elif new := engine.chunks.new_bytes(upload, offset, offset + size):
        require_room_for_more(engine.core, upload, new, end=offset + size)
        charge_growth(engine.core, upload, new)
