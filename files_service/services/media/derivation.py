"""Facts, time of capture and derived parts of a picture, clip or sound, as processing makes them.

1. The blobs of derived parts are written first, under keys that were never used, and named by the one save that also
   records the outcome of processing. A crash before it leaves blobs without a record, which the orphan scan deletes.
2. Derived parts that the save replaces are noted as garbage before it, as those of removed versions are.
3. Nothing here fails a file. Only the loss of the lease and a blob store that does not answer end the processing.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from isal.isal_zlib import crc32

from files_service.core import Core
from files_service.domain.captured import Source, Told, captured, is_offset
from files_service.domain.derived import TYPES, derived_id
from files_service.domain.uploads import part_key
from files_service.domain.versions import dropped_parts, lost_keys, with_lost
from files_service.services import content
from files_service.services.files import load_owning
from files_service.services.media.extractor import Extraction, extract, facts_of, is_installed
from files_service.services.media.proxies import find_proxy
from files_service.services.versions.garbage import note_garbage
from storage_adapters import (
    BlobNotFound,
    FileRecord,
    KeyUnavailable,
    Part,
    RecordNotFound,
    StorageError,
    SupportsDocuments,
    Tombstone,
)

logger = logging.getLogger(__name__)

PREVIEW_TYPE = "image/webp"
# Without scripts and text: SVG is a document.
_NO_PICTURE = frozenset({"image/svg+xml"})
_KINDS = {"image": "picture", "video": "clip", "audio": "sound"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """Changes to the record; ``derived`` is None where no picture was made, and those that are there stay."""

    told: Told | None
    media: Mapping[str, Any]
    derived: tuple[Part, ...] | None = None

    def apply(self, record: FileRecord) -> FileRecord:
        """Return the record with what was found."""
        described = replace(
            record,
            captured_at=self.told.at if self.told else None,
            captured_offset_minutes=self.told.offset_minutes if self.told else None,
            captured_source=self.told.source.value if self.told else None,
            media=dict(self.media) or None,
            derived=record.derived if self.derived is None else self.derived,
        )
        # A derived part that was lost is gone with its mark.
        return with_lost(described, lost_keys(record))


def kind_of_type(content_type: str) -> str | None:
    """Return ``picture``, ``clip`` or ``sound`` for a content type, None for any other."""
    plain = content_type.partition(";")[0].strip().lower()
    return None if plain in _NO_PICTURE else _KINDS.get(plain.partition("/")[0])


def derive(core: Core, record: FileRecord, keepalive: Callable[[], None]) -> Derivation | None:
    """Open a verified file and store its previews; None where there is nothing to be made.

    Raises the errors of ``keepalive``, and StorageUnavailable.
    """
    kind = kind_of_type(record.content_type)
    if not core.settings.media or kind is None or not record.size:
        return None
    found = _extracted(core, record, kind, keepalive) if is_installed() else Extraction()
    if found.fault is not None:
        logger.info("no or not all previews", extra={"file_id": record.file_id, "error": found.fault})
    media = dict(sorted(facts_of(found).items()))
    told = captured(
        _times(found.facts.get("times")),
        camera=str(media.get("camera_make", "")),
        mtime_at=record.meta.get("mtime_at"),
    )
    keepalive()
    return Derivation(told=told, media=media, derived=store_previews(core, record, found.pictures) or None)


def note_dropped(core: Core, before: FileRecord, after: FileRecord) -> None:
    """Note derived parts that a save is about to replace, so that their blobs are deleted after it."""
    dropped = dropped_parts(before, after)
    if dropped and isinstance(core.metadata, SupportsDocuments):
        note_garbage(core, before, dropped)


def discard(core: Core, file_id: str, derivation: Derivation | None) -> None:
    """Delete the blobs of a derivation that was not saved; what cannot be deleted is left to the orphan scan."""
    if derivation is None or not derivation.derived:
        return
    with suppress(StorageError):
        named = _named(core, file_id)
        for part in derivation.derived:
            if part.key not in named:
                core.blobs.delete(part.key)


def _named(core: Core, file_id: str) -> set[str]:
    try:
        found = load_owning(core, file_id)
    except RecordNotFound:
        return set()
    return {part.key for part in (found.parts if isinstance(found, Tombstone) else found.stored_parts)}


def _extracted(core: Core, record: FileRecord, kind: str, keepalive: Callable[[], None]) -> Extraction:
    proxy = find_proxy(core, record) if kind == "clip" else None
    sources = [record.parts[0], *([proxy] if proxy is not None else [])]

    def read(source: int, offset: int, length: int) -> bytes | None:
        try:
            data = b"".join(content.read(core, sources[source], offset=offset, length=length))
        except (BlobNotFound, KeyUnavailable):
            return None
        return data if len(data) == length else None

    return extract(kind, [part.size for part in sources], read, tick=keepalive)


def store_previews(core: Core, record: FileRecord, pictures: Mapping[str, bytes]) -> tuple[Part, ...]:
    """Store pictures as blobs that no record names yet; after an error, delete what was stored."""
    stored: list[Part] = []
    try:
        for kind in TYPES:
            if kind in pictures:
                stored.append(_part(core, record, kind, pictures[kind]))
                data = pictures[kind]
                info = core.blobs.put(stored[-1].key, [data], content_type=PREVIEW_TYPE, now=core.clock())
                stored[-1] = replace(stored[-1], generation=info.generation)
    except BaseException:
        for part in stored:
            with suppress(StorageError):
                core.blobs.delete(part.key)
        raise
    return tuple(stored)


def _part(core: Core, record: FileRecord, kind: str, data: bytes) -> Part:
    part_id = derived_id(kind, core.new_id())
    return Part(
        part_id=part_id,
        type=TYPES[kind],
        content_type=PREVIEW_TYPE,
        size=len(data),
        bucket=core.blobs.bucket,
        key=part_key(record.owner, record.file_id, part_id),
        sha256=hashlib.sha256(data).hexdigest(),
        crc32=f"{crc32(data):08x}",
        received_at=core.clock(),
    )


def _times(values: object) -> Sequence[Told]:
    """Return the times that the subprocess told, as far as they are times."""
    found = []
    for each in values if isinstance(values, list) else []:
        with suppress(KeyError, TypeError, ValueError):
            source, at, offset = Source(each["source"]), each["at"], each["offset_minutes"]
            if type(at) is int and (offset is None or (type(offset) is int and is_offset(offset))):
                found.append(Told(source, at, offset))
    return found
