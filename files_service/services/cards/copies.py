"""The stored copies of a file, read again from their medium, and compared with the hashes of the card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import orjson

from files_service.core import Core
from files_service.domain.chunking import chunk_key_beside, manifest_of
from files_service.domain.verdict import Code, Reason
from files_service.services.cards.file_hashes import FileHashes
from files_service.services.cards.known import find_record, is_usable
from files_service.services.content import chunks_of
from files_service.services.disk_faults import is_gone
from files_service.services.scrub.examination import Loss, examine
from files_service.services.scrub.marks import mark_lost
from storage_adapters import (
    JSON,
    BlobCopy,
    BlobDamaged,
    BlobNotFound,
    BlobStore,
    KeyUnavailable,
    Part,
    StorageUnavailable,
    SupportsColdReads,
    SupportsCopies,
)


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome of a reading: the failure domains in which the file is whole, or the reasons that it is not."""

    domains: frozenset[str] = frozenset()
    faults: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePosition:
    """The place that the reading of one file has reached: behind a blob of a copy, or before the first one.

    ``content`` names what is read, ``domains`` and ``faults`` are of the copies before this one, ``hashes`` is the
    state of those of this copy.
    """

    path: str
    content: str
    domains: tuple[str, ...] = ()
    faults: tuple[Reason, ...] = ()
    copy: int = 0
    part: int = 0
    offset: int = 0
    hashes: str = ""

    def behind(self, copy: BlobCopy, fault: Reason | None) -> FilePosition:
        """Return the place before the next copy."""
        domains = self.domains if fault is not None else (*self.domains, copy.domain)
        faults = self.faults if fault is None else (*self.faults, fault)
        return FilePosition(path=self.path, content=self.content, domains=domains, faults=faults, copy=self.copy + 1)

    def at_beginning(self) -> FilePosition:
        """Return the place before the first byte of this copy."""
        return replace(self, part=0, offset=0, hashes="")


def copies_of(blobs: BlobStore) -> tuple[BlobCopy, ...]:
    """Return the copies in which a store keeps its blobs; a plain store is one, in the domain of its bucket."""
    return blobs.copies() if isinstance(blobs, SupportsCopies) else (BlobCopy(blobs.bucket, blobs),)


def prove(
    core: Core,
    owner: str,
    entry: JSON,
    begun: FilePosition | None = None,
    note: Callable[[FilePosition], None] = lambda place: None,
) -> Generator[int, None, Proof]:
    """Read all copies of the file of an entry; yield the length of each piece, and return what they prove.

    ``note`` is told each place from which another process can read on, as ``begun``. Raises StorageUnavailable when a
    store does not answer.
    """
    path, record = entry["path"], find_record(core, entry["file_id"] or "")
    if record is None or not is_usable(record, owner, entry["size"]):
        return Proof(faults=(file_gone(path),))
    if not (entry["sha256"] and entry["xxh64"]):
        detail = "the sender told no hashes of its bytes on the card"
        return Proof(faults=(Reason(code=Code.NOT_HASHED, path=path, detail=detail),))
    copies = copies_of(core.blobs)
    content = _content_of(record.parts, copies)
    is_same = begun is not None and (begun.path, begun.content) == (path, content)
    place = begun if begun is not None and is_same else FilePosition(path=path, content=content)
    for copy in copies[place.copy :]:
        fault = yield from _read(core, copy, record.parts, entry, place, note)
        place = place.behind(copy, fault)
        note(place)
    return Proof(frozenset(place.domains), place.faults)


def note_lost(core: Core, entry: JSON) -> Iterator[int]:
    """Mend the copies of a file that was found damaged, or mark its lost parts; yield the length of each piece.

    A file that is marked is not known any more: the next run with the card sends it again.
    """
    record = find_record(core, entry["file_id"] or "")
    if record is None:
        return
    for part in record.parts:
        # What cannot be told now is left to the scrub.
        with suppress(KeyUnavailable, StorageUnavailable):
            for step in examine(core, part) if part.bucket == core.blobs.bucket else ():
                if isinstance(step, Loss):
                    mark_lost(core, record, part, step)
                elif isinstance(step, int):
                    yield step


def file_gone(path: str) -> Reason:
    """Return the reason that an entry is whose file does not stay in the archive as it was brought."""
    detail = "its file in the archive is gone, replaced, unfinished, temporary, in the trash or lost"
    return Reason(code=Code.FILE_GONE, path=path, detail=detail)


def _content_of(parts: tuple[Part, ...], copies: tuple[BlobCopy, ...]) -> str:
    """Return a digest of what is read: a place in it is none in anything else."""
    named = [[(each.key, each.generation, each.size) for each in parts], [each.domain for each in copies]]
    return hashlib.sha256(orjson.dumps(named)).hexdigest()


def _read(
    core: Core,
    copy: BlobCopy,
    parts: tuple[Part, ...],
    entry: JSON,
    place: FilePosition,
    note: Callable[[FilePosition], None],
) -> Generator[int, None, Reason | None]:
    """Read one copy of a file from a place on; return what is wrong with it."""
    path, whole = entry["path"], FileHashes.restored(place.hashes)
    if whole is None:
        place, whole = place.at_beginning(), FileHashes()
    for number, part in enumerate(parts[place.part :], place.part):
        for key, expected, end in _blobs_of(core, part, place.offset if number == place.part else 0):
            digest = hashlib.sha256()
            try:
                for piece in _cold(copy.store, key):
                    digest.update(piece)
                    whole.update(piece)
                    yield len(piece)
            except (BlobNotFound, BlobDamaged, KeyUnavailable) as error:
                return _damaged(path, copy, f"cannot be read: {error.__class__.__name__}")
            except StorageUnavailable as error:
                if not is_gone(copy.store, error):
                    raise
                return _damaged(path, copy, "cannot be read")
            if expected not in (None, digest.hexdigest()):
                return _damaged(path, copy, "has other bytes than were stored")
            if (state := whole.state()) is not None:
                note(replace(place, part=number, offset=end, hashes=state))
    if whole.digests() == [entry["sha256"], entry["xxh64"]]:
        return None
    if place.hashes:
        # Nothing is said by hashes that may have been stored wrongly.
        return (yield from _read(core, copy, parts, entry, place.at_beginning(), note))
    detail = f"its copy in {copy.domain} has other bytes than the card"
    return Reason(code=Code.HASH_DIFFERS, path=path, detail=detail)


def _blobs_of(core: Core, part: Part, offset: int) -> Iterator[tuple[str, str | None, int]]:
    """Yield key, SHA-256 and end of the blobs of a part from an offset on, at which one begins.

    A missing one shows in the hash of the whole.
    """
    upload_id = manifest_of(part)
    if upload_id is None:
        if offset == 0:
            yield part.key, part.sha256, part.size
        return
    for chunk in chunks_of(core, upload_id, offset=offset):
        yield chunk_key_beside(part.key, chunk), chunk.object_id, chunk.end


def _cold(blobs: BlobStore, key: str) -> Iterator[bytes]:
    """Yield the bytes of a blob as its medium has them now."""
    if isinstance(blobs, SupportsColdReads):
        blobs.forget_cached(key)
    return blobs.get(key)


def _damaged(path: str, copy: BlobCopy, what: str) -> Reason:
    return Reason(code=Code.COPY_DAMAGED, path=path, detail=f"its copy in {copy.domain} {what}")
