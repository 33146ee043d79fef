"""Examination of the stored bytes of one part, in small steps.

Bytes whose hash is wrong are read once more before they are taken for bad. A rotten chunk is moved aside by its
generation: it is missing then, which every door and upload handles, and a chunk that was stored again meanwhile stays.
A rotten blob stays in its place, because nobody else names it; the mark of its part keeps it from being read.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass

from isal.isal_zlib import crc32_combine

from files_service.core import Core
from files_service.domain.chunking import aside_key, chunk_key_beside, manifest_of
from files_service.services.content import chunks_of
from files_service.services.scrub.copies import mend_copies
from files_service.services.scrub.reading import Reading, Reason, describe
from storage_adapters import (
    BlobExists,
    BlobInfo,
    BlobNotFound,
    Chunk,
    Part,
    StorageError,
    SupportsCopy,
)

logger = logging.getLogger(__name__)

_ATTEMPTS = 3
_STRONGEST_FIRST = ("sha256", "md5", "crc32c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Lost bytes of a part, from an offset on.

    ``aside`` is the key to which they were moved. ``firm`` is the generation of bad bytes that are still in the place
    of the good ones, so that their presence proves nothing.
    """

    reason: Reason
    offset: int = 0
    aside: str | None = None
    firm: str = ""


@dataclass(frozen=True, slots=True)
class Whole:
    """The bytes of the part are on record with their hash; ``generation`` is that of the blob that was read.

    ``crc32`` is that of all bytes, None when only the rest was read.
    """

    generation: str | None
    crc32: str | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """A place in a part in chunks: the bytes before it are done."""

    offset: int


Step = int | Loss | Whole | Reached


def examine(core: Core, part: Part, *, offset: int = 0) -> Iterator[Step]:
    """Read and hash a part; yield the length of each piece, each loss, and Whole at the end when there was none.

    A part in chunks is read from the chunk at ``offset`` on. Raises StorageUnavailable,
    KeyUnavailable for bytes that nobody can open.
    """
    if manifest_of(part) is None:
        yield from _examine_blob(core, part)
        return
    is_whole = True
    steps = _examine_chunks(core, part, offset)
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            if is_whole:
                yield Whole(part.generation, end.value)
            return
        is_whole = is_whole and not isinstance(step, Loss)
        yield step


def _examine_chunks(core: Core, part: Part, offset: int) -> Generator[Step, None, str | None]:
    """Examine the chunks; return the CRC-32 of the part, None unless all its bytes were read."""
    upload_id = manifest_of(part)
    assert upload_id is not None
    place = offset
    total: int | None = None if offset else 0
    for chunk in chunks_of(core, upload_id, offset=offset):
        if chunk.offset > place:
            yield Loss(reason=Reason.MISSING, offset=place)
        found = yield from _examine_chunk(core, chunk_key_beside(part.key, chunk), chunk)
        total = None if total is None or found is None else crc32_combine(total, found, chunk.size)
        place = chunk.end
        yield Reached(place)
    if place < part.size:
        yield Loss(reason=Reason.MISSING, offset=place)
    return None if total is None else f"{total:08x}"


def _examine_chunk(core: Core, key: str, chunk: Chunk) -> Generator[int | Loss, None, int | None]:
    """Examine a chunk; return the CRC-32 of its bytes, None when they were not read to the end."""
    yield from mend_copies(core, key, "sha256", chunk.object_id)
    reading = Reading(core.blobs, key, "sha256")
    yield from reading.pieces()
    if reading.digest == chunk.object_id:
        return reading.crc32
    for _ in range(_ATTEMPTS):
        # Looked at only now: a healthy chunk costs one request.
        info = describe(core.blobs, key)
        if isinstance(info, Reason):
            yield Loss(reason=info, offset=chunk.offset)
            return None
        if info.size != chunk.size:
            yield Loss(reason=Reason.CUT, offset=chunk.offset)
            return None
        reading = Reading(core.blobs, key, "sha256", generation=info.generation)
        yield from reading.pieces()
        if reading.digest == chunk.object_id:
            return reading.crc32
        if reading.fault is not Reason.MISSING:
            aside = _move_aside(core, info)
            firm = "" if aside else info.generation
            yield Loss(reason=reading.fault or Reason.ROTTEN, offset=chunk.offset, aside=aside, firm=firm)
            return None
        # An upload stored the chunk again while it was read.
    return None


def _examine_blob(core: Core, part: Part) -> Iterator[Step]:
    known = next((name for name in _STRONGEST_FIRST if getattr(part, name)), None)
    if known is not None:
        yield from mend_copies(core, part.key, known, getattr(part, known))
    info = describe(core.blobs, part.key)
    if isinstance(info, Reason):
        yield Loss(reason=info)
        return
    if info.size != part.size:
        yield Loss(reason=Reason.CUT)
        return
    # Without a checksum on record, that of the store; another blob in the place must prove that it is the same.
    same = part.generation in (None, info.generation)
    name = next((name for name in _STRONGEST_FIRST if getattr(part, name) or (same and getattr(info, name))), None)
    if name is None:
        name = "crc32c"
        expected = None if same else ""
    else:
        expected = getattr(part, name) or getattr(info, name)
    for _ in range(2):
        reading = Reading(core.blobs, part.key, name, generation=info.generation)
        yield from reading.pieces()
        if reading.size == part.size and expected in (None, reading.digest):
            yield Whole(info.generation, f"{reading.crc32:08x}")
            return
    yield Loss(reason=reading.fault or Reason.ROTTEN, firm=info.generation)


def _move_aside(core: Core, info: BlobInfo) -> str | None:
    """Move a bad chunk to a key that nothing reads, and return it; None when it stays in its place."""
    aside = aside_key(info.key)
    try:
        if isinstance(core.blobs, SupportsCopy):
            with suppress(BlobExists, BlobNotFound):
                core.blobs.copy(info.key, aside, now=core.clock())
        core.blobs.delete(info.key, generation=info.generation)
    except StorageError as error:
        logger.warning("bad bytes stay in their place", extra={"key": info.key, "error": str(error)})
        return None
    return aside
