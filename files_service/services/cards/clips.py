"""The clips of a page of entries: members by name, and Live Photos by what processing has read in their files."""

from __future__ import annotations

from collections.abc import Sequence

from files_service.core import Core
from files_service.domain.clips.live_photos import CONTENT_IDENTIFIER, is_half, paired
from files_service.domain.clips.rules import member_of
from files_service.services.cards.entries import is_archived
from files_service.services.cards.known import find_record
from storage_adapters import JSON


def with_clips(core: Core, owner: str, entries: Sequence[JSON]) -> list[JSON]:
    """Return the entries with ``clip``, ``chapter`` and ``role``; the halves of a Live Photo are found on one page."""
    members = paired({each["path"]: member_of(each["path"]) for each in entries}, _identifiers(core, owner, entries))
    found = []
    for entry in entries:
        place = members[entry["path"]]
        found.append({**entry, "clip": place.clip, "chapter": place.chapter, "role": place.role.value})
    return found


def _identifiers(core: Core, owner: str, entries: Sequence[JSON]) -> dict[str, str]:
    """Return the content identifiers by path."""
    found = {}
    for entry in entries:
        if not (is_archived(entry) and is_half(entry["path"])):
            continue
        record = find_record(core, entry["file_id"] or "")
        # A session may name any id; another owner's file tells nothing.
        if record is not None and record.owner == owner:
            identifier = (record.media or {}).get(CONTENT_IDENTIFIER)
            if isinstance(identifier, str):
                found[entry["path"]] = identifier
    return found
