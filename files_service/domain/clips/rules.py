"""The table of rules, and the place of a file by the first one that knows it.

A file that no rule knows is grouped with those of the same stem in its folder: a raw photo with its JPEG and their
sidecars, a clip with its subtitles, both halves of a Live Photo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from files_service.domain.clips import cameras, structures
from files_service.domain.clips.member import ORDER, Member, Role, Rule, by_stem

# Structures first: their folders say more than the names in them.
RULES: tuple[Rule, ...] = (
    structures.canon_xf,
    structures.p2,
    structures.xdcam,
    structures.xdcam_ex,
    structures.avchd,
    structures.red,
    cameras.gopro,
    cameras.dji,
    cameras.insta360,
    cameras.apple,
    cameras.proxy_folder,
    cameras.proxy_suffix,
    cameras.appended_sidecar,
)


def member_of(path: str) -> Member:
    """Return the place of a file by its path on the card."""
    folder, _, name = path.rpartition("/")
    return next((found for rule in RULES if (found := rule(folder, name))), None) or by_stem(folder, name)


def order_in_clip(place: Member, path: str) -> tuple[int, int, bytes]:
    """Return the order of a file in its clip: chapters in turn, each with its proxy and its sidecars behind it."""
    return place.chapter, ORDER[place.role], path.encode(errors="surrogateescape")


def sections(files: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return files with ``path``, ``clip``, ``chapter`` and ``role`` by their clips, in the order of the first of each.

    A clip of several files is a section with its name; single files between such are one without a name.
    """
    clips: dict[str, list[Mapping[str, Any]]] = {}
    for file in files:
        clips.setdefault(file["clip"], []).append(file)
    found: list[tuple[str, list[Mapping[str, Any]]]] = []
    for clip, inside in clips.items():
        if len(inside) > 1:
            found.append((clip.rpartition("/")[2], sorted(inside, key=_order)))
        elif found and not found[-1][0]:
            found[-1][1].extend(inside)
        else:
            found.append(("", inside))
    return found


def _order(file: Mapping[str, Any]) -> tuple[int, int, bytes]:
    return order_in_clip(Member(file["clip"], file["chapter"], Role(file["role"])), file["path"])
