"""The stored copies of a file, read again from their medium, and compared with the hashes of the card."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass

import xxhash

from files_service.core import Core
from files_service.domain.chunking import chunk_key_beside, manifest_of
from files_service.domain.verdict import Code, Reason
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


def copies_of(blobs: BlobStore) -> tuple[BlobCopy, ...]:
    """Return the copies in which a store keeps its blobs; a plain store is one, in the domain of its bucket."""
    return blobs.copies() if isinstance(blobs, SupportsCopies) else (BlobCopy(blobs.bucket, blobs),)


def prove(core: Core, owner: str, entry: JSON) -> Generator[int, None, Proof]:
    """Read all copies of the file of an entry; yield the length of each piece, and return what they prove.

    Raises StorageUnavailable when a store does not answer.
    """
    path, record = entry["path"], find_record(core, entry["file_id"] or "")
    if record is None or not is_usable(record, owner, entry["size"]):
        return Proof(faults=(file_gone(path),))
    if not (entry["sha256"] and entry["xxh64"]):
        detail = "the sender told no hashes of its bytes on the card"
        return Proof(faults=(Reason(code=Code.NOT_HASHED, path=path, detail=detail),))
    domains, faults = set(), []
    for copy in copies_of(core.blobs):
        fault = yield from _read(core, copy, record.parts, entry)
        if fault is None:
            domains.add(copy.domain)
        else:
            faults.append(fault)
    return Proof(frozenset(domains), tuple(faults))


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


def _read(core: Core, copy: BlobCopy, parts: tuple[Part, ...], entry: JSON) -> Generator[int, None, Reason | None]:
    """Read one copy of a file; return what is wrong with it."""
    path, whole = entry["path"], (hashlib.sha256(), xxhash.xxh64())
    for part in parts:
        for key, expected in _blobs_of(core, part):
            digest = hashlib.sha256()
            try:
                for piece in _cold(copy.store, key):
                    for each in (digest, *whole):
                        each.update(piece)
                    yield len(piece)
            except (BlobNotFound, BlobDamaged, KeyUnavailable) as error:
                return _damaged(path, copy, f"cannot be read: {error.__class__.__name__}")
            except StorageUnavailable as error:
                if not is_gone(copy.store, error):
                    raise
                return _damaged(path, copy, "cannot be read")
            if expected not in (None, digest.hexdigest()):
                return _damaged(path, copy, "has other bytes than were stored")
    if [each.hexdigest() for each in whole] != [entry["sha256"], entry["xxh64"]]:
        detail = f"its copy in {copy.domain} has other bytes than the card"
        return Reason(code=Code.HASH_DIFFERS, path=path, detail=detail)
    return None


def _blobs_of(core: Core, part: Part) -> Iterator[tuple[str, str | None]]:
    """Yield key and SHA-256 of the blobs of a part in their order; a missing one shows in the hash of the whole."""
    upload_id = manifest_of(part)
    if upload_id is None:
        yield part.key, part.sha256
        return
    for chunk in chunks_of(core, upload_id):
        yield chunk_key_beside(part.key, chunk), chunk.object_id


def _cold(blobs: BlobStore, key: str) -> Iterator[bytes]:
    """Yield the bytes of a blob as its medium has them now."""
    if isinstance(blobs, SupportsColdReads):
        blobs.forget_cached(key)
    return blobs.get(key)


def _damaged(path: str, copy: BlobCopy, what: str) -> Reason:
    return Reason(code=Code.COPY_DAMAGED, path=path, detail=f"its copy in {copy.domain} {what}")
