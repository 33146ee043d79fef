"""Claims on stored blobs: what a record, a tombstone or an upload names, and what nobody can tell.

Every deletion of stray bytes asks here, in the orphan scan and in the census of nodes: only a blob without a claim may
go. A blob whose key is not one that this service makes, and one that may be kept on purpose, is never judged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from files_service.core import Core
from files_service.domain.chunking import names_in_chunk_key
from files_service.domain.derived import kind_of
from files_service.domain.uploads import names_in_key
from files_service.services.chunk_orphans import orphans_among
from files_service.services.files import load_owning
from storage_adapters import BlobInfo, RecordNotFound, Tombstone

_FILE_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_PART_ID = re.compile(r"p[0-9]{1,3}")


class Claim(StrEnum):
    """The claim on a blob: named by something, perhaps kept on purpose, or none."""

    NAMED = "named"
    UNKNOWN = "unknown"
    NONE = "none"


def claims_on(core: Core, infos: Sequence[BlobInfo]) -> list[Claim]:
    """Return the claim on each blob, in order. Chunks need their SHA-256 to be judged."""
    chunks = [info for info in infos if names_in_chunk_key(info.key) is not None]
    orphans, unknown = orphans_among(core, chunks)
    judged = {info.key: Claim.NAMED if info.sha256 is not None else Claim.UNKNOWN for info in chunks}
    judged |= {info.key: Claim.NONE for info in orphans} | {info.key: Claim.UNKNOWN for info in unknown}
    return [judged.get(info.key) or claim_on_part(core, info) for info in infos]


def claim_on_part(core: Core, info: BlobInfo) -> Claim:
    """Return the claim on a blob that is no chunk."""
    names = names_in_key(info.key)
    if names is None or _FILE_ID.fullmatch(names[0]) is None or not _is_part_id(names[1]):
        # Imported files have keys of another form.
        named = names is not None and _is_named(core, info, names[0]) is True
        return Claim.NAMED if named else Claim.UNKNOWN
    return {True: Claim.NAMED, False: Claim.NONE, None: Claim.UNKNOWN}[_is_named(core, info, names[0])]


def _is_named(core: Core, info: BlobInfo, file_id: str) -> bool | None:
    """Return True when a record or tombstone names the blob, None when that is unknown."""
    try:
        record = load_owning(core, file_id)
    except RecordNotFound:
        return False
    if not isinstance(record, Tombstone):
        return any(part.key == info.key for part in record.stored_parts)
    if record.parts:
        # The sweep deletes them once they are due.
        return True
    # The tombstone is clean and the bytes arrived late, or the file was removed with ``keep_blobs``.
    return False if record.clean_after > record.deleted_at else None


def _is_part_id(text: str) -> bool:
    """Return True for the id of a part that this service makes, derived ones too."""
    return _PART_ID.fullmatch(text) is not None or kind_of(text) is not None
