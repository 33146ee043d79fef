"""Live Photos: a picture and a short clip that a phone took together.

Both halves carry one content identifier: the picture in the maker note of Apple, the clip as
``com.apple.quicktime.content.identifier``. It decides where it is known; else a picture and a clip of one name are a
pair, as a phone writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from files_service.domain.clips.member import Member, Role, suffix

_PICTURES = frozenset({"heic", "heif", "jpg", "jpeg"})
_CLIPS = frozenset({"mov"})
CONTENT_IDENTIFIER = "content_identifier"


def is_half(path: str) -> bool:
    """Return True for a file that may be half of a Live Photo."""
    return suffix(path).lower() in _PICTURES | _CLIPS


def paired(members: Mapping[str, Member], identifiers: Mapping[str, str]) -> dict[str, Member]:
    """Return the members by path, with the moving halves of Live Photos in the clips of their pictures.

    ``identifiers`` are the content identifiers by path, as far as they are known.
    """
    pictures = [path for path, place in members.items() if _is(path, _PICTURES) and place.role is Role.MAIN]
    by_identifier: dict[str, str] = {}
    by_clip: dict[str, list[str]] = {}
    for path in sorted(pictures):
        if path in identifiers:
            by_identifier.setdefault(identifiers[path], path)
        by_clip.setdefault(members[path].clip, []).append(path)
    found = dict(members)
    for path, place in members.items():
        if not _is(path, _CLIPS) or place.role is not Role.MAIN:
            continue
        own = identifiers.get(path)
        picture = by_identifier.get(own) if own is not None else None
        beside = by_clip.get(place.clip, [])
        if picture is not None:
            found[path] = replace(members[picture], role=Role.MOTION)
        elif beside and not _are_others(own, [identifiers.get(each) for each in beside]):
            found[path] = replace(place, role=Role.MOTION)
        elif beside:
            # A clip of the same name that was taken at another time.
            found[path] = replace(place, clip=path)
    return found


def _are_others(own: str | None, known: list[str | None]) -> bool:
    """Return True when the identifiers of a clip and of all pictures of its name are known, and differ."""
    return own is not None and all(each is not None and each != own for each in known)


def _is(path: str, suffixes: frozenset[str]) -> bool:
    return suffix(path).lower() in suffixes
