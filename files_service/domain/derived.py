"""Derived parts: small pictures that the service makes of a file's content. Pure.

A derived part is no part of the content: it is in ``FileRecord.derived``, counts in no size, and is made again when it
is lost. Its id is its kind and a token, so no two makings have the same key and no blob is overwritten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from files_service.domain.uploads import find_part
from storage_adapters import FileRecord, Part

THUMBNAIL_SIZES = (256, 512, 1600)
POSTER, HOVER = "poster", "hover"
# Each kind and the type of its parts.
TYPES = {**{f"thumbnail-{size}": "thumbnail" for size in THUMBNAIL_SIZES}, POSTER: "poster", HOVER: "hover"}
KINDS = tuple(TYPES)
# Made of a preview when it is asked for and never stored: the picture for services that preview links.
COVER, COVER_SIZE = "cover", (1200, 630)
_PART_ID = re.compile(rf"(?P<kind>{'|'.join(KINDS)})-(?P<token>[0-9A-Za-z-]{{1,40}})")
# Pictures that serve where the kind itself was not made, the best first: those of small pictures are not enlarged.
_INSTEAD = {
    "thumbnail-256": ("thumbnail-512", POSTER),
    "thumbnail-512": ("thumbnail-256", POSTER),
    "thumbnail-1600": (POSTER, "thumbnail-512", "thumbnail-256"),
    POSTER: ("thumbnail-1600", "thumbnail-512", "thumbnail-256"),
    HOVER: (),
}


def derived_id(kind: str, token: str) -> str:
    """Return the id of a derived part."""
    return f"{kind}-{token}"


def kind_of(part_id: str) -> str | None:
    """Return the kind in the id of a derived part, None for the id of another part."""
    match = _PART_ID.fullmatch(part_id)
    return match["kind"] if match else None


def find_preview(parts: Iterable[Part], kind: str) -> Part | None:
    """Return the derived part of a kind, or the one that serves in its place; None without one."""
    found = {kind_of(part.part_id): part for part in parts}
    return next((found[each] for each in (kind, *_INSTEAD.get(kind, ())) if each in found), None)


def find_readable(record: FileRecord, name: str) -> Part | None:
    """Return a part of the content by its id, or a derived part by its id or its kind; None without one."""
    part = find_part(record, name) or next((each for each in record.derived if each.part_id == name), None)
    return part or (find_preview(record.derived, name) if name in TYPES else None)


def without_derived(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return the parts that callers have brought, whose bytes count."""
    return tuple(part for part in parts if kind_of(part.part_id) is None)
