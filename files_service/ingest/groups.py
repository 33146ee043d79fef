"""The files of a card by their clips, in the order in which they are sent. Pure.

Names alone decide, by the rules of ``domain.clips``; no file is opened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from files_service.domain.clips.live_photos import paired
from files_service.domain.clips.member import Member, Role
from files_service.domain.clips.rules import member_of, order_in_clip
from files_service.ingest.card import CardFile


def group(files: Iterable[CardFile]) -> tuple[CardFile, ...]:
    """Return the same files with clip, chapter and role, the oldest clip first.

    Within a clip the chapters follow each other, each with its proxy and its sidecars behind it.
    """
    found = list(files)
    members = paired({file.path: member_of(file.path) for file in found}, {})
    placed = [_placed(file, members[file.path]) for file in found]
    taken_at: dict[str, tuple[bool, int]] = {}
    for file in placed:
        # A sidecar may be written, or copied, long after its clip.
        at = (file.role in (Role.PROXY, Role.SIDECAR), file.mtime_ns)
        taken_at[file.clip] = min(taken_at.get(file.clip, at), at)
    return tuple(
        sorted(
            placed,
            key=lambda file: (taken_at[file.clip][1], file.clip, *order_in_clip(members[file.path], file.path)),
        )
    )


def _placed(file: CardFile, place: Member) -> CardFile:
    return replace(file, clip=place.clip, chapter=place.chapter, role=place.role)
