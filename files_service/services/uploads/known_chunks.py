"""Chunks of an upload that are described instead of sent: their owner has stored the same bytes before."""

from __future__ import annotations

from files_service.core import Core
from files_service.domain.chunking import chunk_key
from files_service.errors import NotFound, storage_errors_as_files_errors
from files_service.services.content import has_size
from files_service.services.uploads.chunk_store import ChunkStore
from files_service.services.uploads.quota import charge_growth, require_room_for_more, uploads_of
from files_service.services.uploads.slices import require_fits, require_takes_slices
from storage_adapters import Chunk, Upload


def append_known(core: Core, upload: Upload, *, offset: int, size: int, sha256: str) -> Upload:
    """Name stored bytes as a chunk of the upload; return the upload after that. Idempotent.

    Raises NotFound where their owner has not stored bytes of this size and hash: they must be sent. So it is for owners
    who share a domain of chunks, because the answer would tell what others have.
    """
    require_takes_slices(upload)
    require_fits(upload, offset, size)
    require_room_for_more(core, upload, size, end=offset + size)
    uploads = uploads_of(core)
    with storage_errors_as_files_errors():
        if upload.chunk_domain or uploads.chunk_tokens(upload.domain, [sha256]) == [None]:
            raise _unknown(sha256)
        # Reserved, so that no sweep takes the bytes before they are named.
        [place] = uploads.reserve_chunks(upload.domain, [sha256], now=core.clock())
        if not place.stored or not has_size(core, chunk_key(upload.domain, sha256, place.token), size):
            raise _unknown(sha256)
        if upload.size is None:
            # Not before: bytes that are not stored are charged when they are sent.
            charge_growth(core, upload, size)
        chunk = Chunk(offset=offset, size=size, object_id=sha256, token=place.token)
        return ChunkStore(core, uploads).name(upload, [chunk])


def _unknown(sha256: str) -> NotFound:
    return NotFound("these bytes are not stored: send them", {"field": "hash", "hash": sha256})
