"""How bytes arrive in chunks: names of uploads and contents, where chunks are cut, what is still wanted. Pure.

1. An upload brings one part: its id is ``<file_id>-<part_id>``, so that each door finds it and it finds its file.
2. Chunks are cut at multiples of the chunk size, wherever a door begins: the same content makes the same chunks, by
   whichever door and in however many pieces it comes. Only what ends early makes a shorter one.
3. Bytes that have arrived stay: what comes again is left out, and only gaps are filled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from files_service.domain.uploads import FILE_ID, names_in_key, owner_segment
from storage_adapters import Part, Ranges, Upload

_UPLOAD_ID = re.compile(rf"(?P<file>{FILE_ID})-(?P<part>p[0-9]{{1,3}}|x[0-9]{{1,3}})")
# The segment of a key by which a chunk is known; no file has this id.
CHUNKS = "chunks"
_MANIFEST = "manifest:"
# A stored copy's name has the beginning of the hash, enough to be found by people; the token makes it one of a kind.
_SHOWN = 48


def upload_id_of(file_id: str, part_id: str) -> str:
    """The id of the upload that brings a part."""
    return f"{file_id}-{part_id}"


def names_in_upload_id(upload_id: str) -> tuple[str, str] | None:
    """The file id and part id that an upload's id names, or None when it is not one of ours."""
    match = _UPLOAD_ID.fullmatch(upload_id)
    return (match["file"], match["part"]) if match else None


def upload_id_of_part(part: Part) -> str | None:
    """The id of the upload that brings a part, or has brought it; None for a key of another make."""
    names = names_in_key(part.key)
    return upload_id_of(*names) if names else None


def manifest_generation(upload_id: str) -> str:
    """The generation of a part whose content is a manifest: it names the content, as a blob's generation does."""
    return _MANIFEST + upload_id


def manifest_of(part: Part) -> str | None:
    """The id of the manifest that lists a part's chunks; None when its content is one blob."""
    generation = part.generation or ""
    return generation.removeprefix(_MANIFEST) if generation.startswith(_MANIFEST) else None


def chunk_key(owner: str, object_id: str, token: str) -> str:
    """The key of a stored copy of a chunk. It has four segments: no part has such a key."""
    return f"{owner_segment(owner)}/{CHUNKS}/{object_id[:2]}/{object_id[2:_SHOWN]}-{token}"


def room_until(offset: int, chunk_size: int) -> int:
    """How many bytes from an offset on belong into one chunk."""
    return chunk_size - offset % chunk_size


def slices(start: int, end: int, chunk_size: int) -> Iterator[tuple[int, int]]:
    """Cut a range where chunks are cut."""
    while start < end:
        cut = min(end, start + room_until(start, chunk_size))
        yield start, cut
        start = cut


def wanted(upload: Upload, arrived: Ranges, start: int, end: int) -> list[tuple[int, int]]:
    """What of a range is still to be stored, cut where chunks are cut."""
    return [cut for gap in arrived.gaps(start, end) for cut in slices(*gap, upload.chunk_size)]


def fits(upload: Upload, offset: int, length: int) -> bool:
    """Whether bytes of this place can belong to the upload."""
    return offset >= 0 and length >= 0 and (upload.size is None or offset + length <= upload.size)


def has_expired(upload: Upload, *, now: int) -> bool:
    """Whether the upload takes no more bytes because its time is over."""
    return upload.sealed_at is None and upload.expires_at <= now
