"""Losses that a census has found, as marks of the parts that need the bytes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from files_service.core import Core
from files_service.nodes.controller.census.wanted import key_of
from files_service.services.files import load_owning
from files_service.services.scrub.examination import Loss
from files_service.services.scrub.marks import mark_lost
from files_service.services.scrub.reading import Reason
from files_service.services.wanted_blobs import WantedBlob, wanted_blobs
from storage_adapters import FileRecord, RecordNotFound
from storage_adapters.blobs.nodes.description import PIECE_BYTES
from storage_adapters.blobs.nodes.protocol.naming import parse_name


def mark_losses(core: Core, names: Iterable[str]) -> int:
    """Mark every part that names a lost chunk; return their number. Doors answer ``bytes_lost`` for it, never 404.

    The scrubber takes a mark away once the bytes are there again. Raises StorageError.
    """
    offsets: dict[str, int] = {}
    for name in names:
        parsed = parse_name(name)
        offset = (parsed.number or 0) * PIECE_BYTES if parsed is not None else 0
        key = key_of(name)
        offsets[key] = min(offset, offsets.get(key, offset))
    found = [blob for blob in wanted_blobs(core) if blob.key in offsets and blob.file_id]
    return sum(_mark(core, blob, blob.offset + offsets[blob.key]) for blob in found)


def _mark(core: Core, blob: WantedBlob, offset: int) -> bool:
    with suppress(RecordNotFound):
        record = load_owning(core, blob.file_id)
        if isinstance(record, FileRecord):
            for part in record.stored_parts:
                if part.key == blob.part_key:
                    return mark_lost(core, record, part, Loss(reason=Reason.MISSING, offset=offset))
    return False
