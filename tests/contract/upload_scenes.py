"""Uploads and chunks as the contract of ``SupportsUploads`` needs them."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from storage_adapters import Chunk, SupportsUploads, Upload

NOW = 1_800_000_000_000
LATER = NOW + 1_000
AA, BB, LATE = "a" * 64, "b" * 64, "c" * 64


def make_upload(upload_id: str = "u1", **changes: object) -> Upload:
    upload = Upload(
        upload_id=upload_id, owner="ann", created_at=NOW, expires_at=NOW + 100, size=30, chunk_size=10, details={"a": 1}
    )
    return replace(upload, **changes)  # type: ignore[arg-type]


def chunk_of(store: SupportsUploads, offset: int, size: int = 10, content: str = "", owner: str = "ann") -> Chunk:
    """Reserve a place as for stored bytes."""
    object_id = sha256((content or f"{offset}").encode()).hexdigest()
    [place] = store.reserve_chunks(owner, [object_id], now=NOW)
    return Chunk(offset=offset, size=size, object_id=object_id, token=place.token)


def append(store: SupportsUploads, *places: tuple[int, int], upload_id: str = "u1") -> Upload:
    chunks = [chunk_of(store, offset, size) for offset, size in places]
    return store.append_chunks(upload_id, chunks, expires_at=NOW)
