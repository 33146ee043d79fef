"""Repair of lost parts: see that their bytes are there again, or bring them from a file of the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from files_service.core import Core
from files_service.domain.chunking import chunk_key_beside, manifest_of
from files_service.domain.uploads import CHECKSUMS, mismatch
from files_service.domain.versions import is_lost
from files_service.services import content
from files_service.services.files import load_owning
from files_service.services.scrub.copies import remove_bad
from files_service.services.scrub.examination import Whole, examine
from files_service.services.scrub.marks import PAGE, LostPart, clear_mark, forget_mark, is_mark_of, lost_parts
from files_service.services.scrub.reading import describe
from files_service.services.uploads.chunk_bytes import CHUNK_TYPE
from storage_adapters import (
    BlobExists,
    BlobInfo,
    BlobNotFound,
    ChecksumMismatch,
    FileRecord,
    KeyUnavailable,
    Part,
    RecordNotFound,
    StorageDenied,
)


def recheck(core: Core, lost: LostPart) -> bool:
    """Take the mark from a part whose bytes were stored again; return False when it stays lost.

    Bytes are hashed when they are stored, so their presence is enough, unless bad ones are still in their place.
    """
    found = _marked_part(core, lost)
    if found is None:
        forget_mark(core, lost)
        return True
    record, part = found
    generation = generation_of_whole(core, part, firm=lost.firm, suspect=lost.offset)
    if generation is None:
        return False
    clear_mark(core, record, part, generation=generation)
    return True


def generation_of_whole(core: Core, part: Part, *, firm: str = "", suspect: int = 0) -> str | None:
    """Return the generation of a part whose bytes are there, None when any are lost; see ``LostPart`` for ``firm``.

    The chunk at ``suspect`` is looked at first, because it was lost before.
    """
    try:
        if manifest_of(part) is None:
            info = _head(core, part.key)
            return info.generation if info.generation != firm and _is_on_record(part, info) else None
        if firm or (part.size and not _has_chunk(core, part, suspect)) or not content.has_all_chunks(core, part):
            return None
    except (BlobNotFound, KeyUnavailable):
        return None
    return part.generation


def repair_from(core: Core, file_id: str) -> Iterator[int]:
    """Repair lost parts of an owner by a file that has arrived; yield the length of each piece that is copied."""
    record = _present(core, file_id)
    if record is None:
        return
    now = core.clock()
    for part in record.parts:
        for checksum in filter(None, (part.sha256, part.md5)):
            same = lost_parts(core.metadata, now=now, owner=record.owner, checksum=checksum)
            for lost in list(islice(same, PAGE)):
                if not recheck(core, lost):
                    yield from _bring_back(core, lost, part)
    # A file of other bytes may have stored a chunk again that it has in common with lost ones.
    for lost in list(islice(lost_parts(core.metadata, now=now, owner=record.owner), PAGE)):
        recheck(core, lost)


def _bring_back(core: Core, lost: LostPart, donor: Part) -> Iterator[int]:
    """Store the lost bytes of a part again from a part of the same bytes; yield the length of each piece.

    The store compares the checksums, so that bytes of another content are not taken.
    """
    found = _marked_part(core, lost)
    if found is None or donor.key == found[1].key or not _is_same_content(lost, donor):
        return
    part = found[1]
    bring = _bring_blob if manifest_of(part) is None else _bring_chunks
    with suppress(BlobNotFound, BlobExists, ChecksumMismatch, StorageDenied, KeyUnavailable):
        yield from bring(core, part, donor)
        recheck(core, replace(lost, firm=""))


def _is_same_content(lost: LostPart, donor: Part) -> bool:
    """Return True when a checksum shows that a part has the bytes that were lost."""
    pairs = [(lost.sha256, donor.sha256), (lost.md5, donor.md5)]
    return lost.size == donor.size and any(mine is not None and mine == theirs for mine, theirs in pairs)


def _bring_chunks(core: Core, part: Part, donor: Part) -> Iterator[int]:
    upload_id = manifest_of(part)
    assert upload_id is not None
    for chunk in content.chunks_of(core, upload_id):
        key = chunk_key_beside(part.key, chunk)
        if not content.is_whole(core, key, chunk.size):
            pieces = content.read(core, donor, offset=chunk.offset, length=chunk.size)
            yield from _store(core, key, pieces, CHUNK_TYPE, {"sha256": chunk.object_id})


def _bring_blob(core: Core, part: Part, donor: Part) -> Iterator[int]:
    is_whole = False
    for step in examine(core, donor):
        is_whole = is_whole or isinstance(step, Whole)
        if isinstance(step, int):
            yield step
    if not is_whole:
        raise BlobNotFound(f"the bytes of {donor.key} are lost, too")
    # Only now: bad bytes are better than none.
    remove_bad(core.blobs, part.key)
    declared = {name: getattr(part, name) for name in CHECKSUMS}
    yield from _store(core, part.key, content.read(core, donor), part.content_type, {**declared, "size": part.size})


def _store(
    core: Core, key: str, pieces: Iterator[bytes], content_type: str, declared: dict[str, object]
) -> Iterator[int]:
    wanted = [name for name in CHECKSUMS if declared.get(name)]
    writer = core.blobs.writer(key, content_type=content_type, now=core.clock(), checksums=wanted)
    try:
        for piece in pieces:
            writer.write(piece)
            yield len(piece)
        writer.commit(declared=declared)
    finally:
        writer.abort()


def _is_on_record(part: Part, info: BlobInfo) -> bool:
    """Return True for the blob of a part, or another one that a checksum shows to be of the same bytes."""
    if mismatch(part, info) is not None:
        return False
    proven = any(getattr(part, name) and getattr(part, name) == getattr(info, name) for name in CHECKSUMS)
    return proven or part.generation in (None, info.generation)


def _has_chunk(core: Core, part: Part, offset: int) -> bool:
    return any(True for key, _, _ in content.chunk_slices(core, part, offset, offset + 1) if _head(core, key))


def _head(core: Core, key: str) -> BlobInfo:
    """Describe a blob. Raises BlobNotFound, also where the disk cannot."""
    found = describe(core.blobs, key)
    if isinstance(found, BlobInfo):
        return found
    raise BlobNotFound(f"blob {key} is {found}")


def _marked_part(core: Core, lost: LostPart) -> tuple[FileRecord, Part] | None:
    """Return a part that is marked, and the file that has it now; None when there is none."""
    record = _present(core, lost.file_id)
    if record is None:
        return None
    for part in record.stored_parts:
        if is_mark_of(lost, record, part) and is_lost(record, part):
            return record, part
    return None


def _present(core: Core, file_id: str) -> FileRecord | None:
    try:
        found = load_owning(core, file_id)
    except RecordNotFound:
        return None
    return found if isinstance(found, FileRecord) else None
