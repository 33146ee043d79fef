"""Chunking: ids of uploads and contents, chunk boundaries, missing ranges. Pure.

1. An upload fills one part. Its id is ``<file_id>-<part_id>``, so every door finds it and it leads to its file.
2. Chunk boundaries are multiples of the chunk size: the same content gives the same chunks through any door and in any
   number of requests. Only the end of the content makes a shorter chunk.
3. Received bytes are kept: repeated bytes are skipped, and only gaps are filled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from files_service.domain.uploads import FILE_ID, names_in_key, owner_segment
from storage_adapters import Chunk, Part, Ranges, Upload

_UPLOAD_ID = re.compile(rf"(?P<file>{FILE_ID})-(?P<part>p[0-9]{{1,3}}|x[0-9]{{1,3}})")
# The domain of chunks under a key is longer than any owner, so no owner is called so.
MAX_OWNER = 78
_DOMAIN_LENGTH = MAX_OWNER + 2
# Hexadecimal digits of a token under which no store names a place; those of stores are shorter.
PASSING_TOKEN = 16
# Key segment of chunks; no file has this id.
CHUNKS = "chunks"
# Details of partial uploads and of those that join them; a spent one is joined, and its bytes count with the file.
JOINED_FROM = "joined_from"
JOINED_INTO = "joined_into"
SPENT = "spent"
_ASIDE = "rotten"
_MANIFEST = "manifest:"
# The object id begins with the hash, for people who search; the token makes it unique.
_SHOWN = 48
_CHUNK_KEY = re.compile(
    rf"(?P<segment>[0-9a-f]{{32}})/{CHUNKS}/(?P<first>[0-9a-f]{{2}})/(?P<rest>[0-9a-f]{{{_SHOWN - 2}}})"
    r"-(?P<token>[0-9a-f]+)"
)


def upload_id_of(file_id: str, part_id: str) -> str:
    """Return the id of the upload that fills a part."""
    return f"{file_id}-{part_id}"


def file_id_of_upload(upload_id: str) -> str:
    """Return the file id in a well-formed upload id."""
    return upload_id.partition("-")[0]


def names_in_upload_id(upload_id: str) -> tuple[str, str] | None:
    """Return the file id and part id in an upload id, or None when the id is malformed."""
    match = _UPLOAD_ID.fullmatch(upload_id)
    return (match["file"], match["part"]) if match else None


def upload_id_of_part(part: Part) -> str | None:
    """Return the id of the upload that fills or has filled a part; None for an imported key."""
    names = names_in_key(part.key)
    return upload_id_of(*names) if names else None


def manifest_generation(upload_id: str) -> str:
    """Return the generation of a part whose content is a manifest; like a blob's, it identifies the content."""
    return _MANIFEST + upload_id


def manifest_of(part: Part) -> str | None:
    """Return the id of the manifest that lists a part's chunks; None when its content is one blob."""
    generation = part.generation or ""
    return generation.removeprefix(_MANIFEST) if generation.startswith(_MANIFEST) else None


def domain_of_key(name: str) -> str:
    """Return the domain of the chunks of all owners whose bytes a key of this name encrypts."""
    return f"chunks under the key {name} ".ljust(_DOMAIN_LENGTH, ".")


def is_shared(domain: str) -> bool:
    """Return True for a domain that is not an owner."""
    return len(domain) >= _DOMAIN_LENGTH


def chunk_key(domain: str, object_id: str, token: str) -> str:
    """Return the key of a stored chunk. It has four segments, so it never equals a part's key."""
    return _chunk_key(owner_segment(domain), object_id, token)


def chunk_key_beside(part_key: str, chunk: Chunk) -> str:
    """Return the key of a listed chunk of a part. Without a domain, it has the first segment of the part's key."""
    segment = owner_segment(chunk.chunk_domain) if chunk.chunk_domain else part_key.partition("/")[0]
    return _chunk_key(segment, chunk.object_id, chunk.token)


def _chunk_key(segment: str, object_id: str, token: str) -> str:
    return f"{segment}/{CHUNKS}/{object_id[:2]}/{object_id[2:_SHOWN]}-{token}"


def names_in_chunk_key(key: str) -> tuple[str, str, str] | None:
    """Return the first segment, the beginning of the object id and the token in a chunk's key; None for another key."""
    match = _CHUNK_KEY.fullmatch(key)
    return (match["segment"], match["first"] + match["rest"], match["token"]) if match else None


def is_passing(key: str) -> bool:
    """Return True for the key of bytes that were to be deleted at once: no place has a token of its length."""
    names = names_in_chunk_key(key)
    return names is not None and len(names[2]) == PASSING_TOKEN


def aside_key(key: str) -> str:
    """Return the key to which the bad bytes of a chunk are moved; nothing reads it."""
    return key.replace(f"/{CHUNKS}/", f"/{_ASIDE}/", 1)


def room_until(offset: int, chunk_size: int) -> int:
    """Return the number of bytes from an offset to the next chunk boundary."""
    return chunk_size - offset % chunk_size


def slices(start: int, end: int, chunk_size: int) -> Iterator[tuple[int, int]]:
    """Cut a range at chunk boundaries."""
    while start < end:
        cut = min(end, start + room_until(start, chunk_size))
        yield start, cut
        start = cut


def wanted(upload: Upload, arrived: Ranges, start: int, end: int) -> list[tuple[int, int]]:
    """Return the missing ranges within a range, cut at chunk boundaries."""
    return [cut for gap in arrived.gaps(start, end) for cut in slices(*gap, upload.chunk_size)]


def fits(upload: Upload, offset: int, length: int) -> bool:
    """Return True when the byte range can belong to the upload, whose size may be unknown."""
    return offset >= 0 and length >= 0 and (upload.size is None or offset + length <= upload.size)


def has_expired(upload: Upload, *, now: int) -> bool:
    """Return True when the upload has expired and accepts no more bytes."""
    return upload.sealed_at is None and upload.expires_at <= now
