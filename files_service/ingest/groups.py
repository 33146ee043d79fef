"""Clips: which chapters, proxies and sidecars belong together, and the order in which they are sent. Pure.

Names alone decide; no file is opened. A file that no rule knows is grouped with those of the same stem in its folder,
so a photo in two formats, the two halves of a Live Photo and a sidecar lie beside each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from files_service.ingest.card import CardFile, Role

_PROXIES = frozenset({"lrv", "lrf"})
_SIDECARS = frozenset(
    {"thm", "srt", "xml", "xmp", "aae", "wav", "json", "cpi", "bdm", "mpl", "bim", "ppn", "txt", "dat"}
)
_ORDER = {Role.MAIN: 0, Role.PROXY: 1, Role.SIDECAR: 2}

_GOPRO = re.compile(r"G(?P<kind>[XHSLP])(?P<chapter>\d\d)(?P<clip>\d{4})\.(?P<suffix>\w+)", re.I)
_GOPRO_FIRST = re.compile(r"GOPR(?P<clip>\d{4})\.(?P<suffix>\w+)", re.I)
_INSTA = re.compile(
    r"(?P<kind>VID|LRV|PRO_VID|PRO_LRV|IMG)_(?P<clip>\d{8}_\d{6})_(?P<lens>\d\d)_(?P<part>\d{3})\.\w+", re.I
)
_SONY = re.compile(r"(?P<clip>.+?)(?P<kind>[MTS])\d\d\.(?P<suffix>XML|JPG|MP4)", re.I)


@dataclass(frozen=True, slots=True)
class _Place:
    """Clip of a file, its chapter, and its part in it."""

    clip: str
    chapter: int = 0
    role: Role = Role.MAIN


def group(files: Iterable[CardFile]) -> tuple[CardFile, ...]:
    """Return the same files with clip, chapter and role, the oldest clip first.

    Within a clip the chapters follow each other, each with its proxy and its sidecars behind it.
    """
    placed = [_placed(file) for file in files]
    taken_at: dict[str, tuple[bool, int]] = {}
    for file in placed:
        # A sidecar may be written, or copied, long after its clip.
        at = (file.role is not Role.MAIN, file.mtime_ns)
        taken_at[file.clip] = min(taken_at.get(file.clip, at), at)
    return tuple(
        sorted(placed, key=lambda f: (taken_at[f.clip][1], f.clip, f.chapter, _ORDER[f.role], f.path.encode()))
    )


def _placed(file: CardFile) -> CardFile:
    folder, _, name = file.path.rpartition("/")
    place = next((found for rule in _RULES if (found := rule(folder, name))), None) or _by_stem(folder, name)
    return replace(file, clip=place.clip, chapter=place.chapter, role=place.role)


def _gopro(folder: str, name: str) -> _Place | None:
    if found := _GOPRO.fullmatch(name):
        role = _role(found["suffix"])
        if found["kind"].upper() == "L" and role is Role.MAIN:
            role = Role.PROXY
        # Chapter 0 of the older names is GOPRnnnn.
        return _Place(_within(folder, f"GoPro {found['clip']}"), int(found["chapter"]), role)
    if found := _GOPRO_FIRST.fullmatch(name):
        return _Place(_within(folder, f"GoPro {found['clip']}"), 0, _role(found["suffix"]))
    return None


def _insta360(folder: str, name: str) -> _Place | None:
    found = _INSTA.fullmatch(name)
    if not found:
        return None
    is_proxy = "LRV" in found["kind"].upper()
    # One recording: a file per lens (00 and 10), and a number per part.
    return _Place(_within(folder, found["clip"]), int(found["part"]), Role.PROXY if is_proxy else Role.MAIN)


def _sony(folder: str, name: str) -> _Place | None:
    segments = folder.split("/")
    upper = [segment.upper() for segment in segments]
    if "M4ROOT" not in upper:
        return None
    top = "/".join(segments[: upper.index("M4ROOT") + 1])
    if found := _SONY.fullmatch(name):
        return _Place(_within(top, found["clip"]), 0, Role.PROXY if found["kind"] in "Ss" else Role.SIDECAR)
    if upper[-1] == "CLIP":
        return _Place(_within(top, _stem(name)), 0, _role(_suffix(name)))
    return None


def _avchd(folder: str, name: str) -> _Place | None:
    segments = folder.split("/")
    if segments[-1].upper() not in ("STREAM", "CLIPINF") or "AVCHD" not in folder.upper():
        return None
    return _Place(_within("/".join(segments[:-1]), _stem(name)), 0, _role(_suffix(name)))


def _by_stem(folder: str, name: str) -> _Place:
    return _Place(_within(folder, _stem(name)), 0, _role(_suffix(name)))


_RULES: tuple[Callable[[str, str], _Place | None], ...] = (_gopro, _insta360, _sony, _avchd)


def _role(suffix: str) -> Role:
    folded = suffix.lower()
    if folded in _PROXIES:
        return Role.PROXY
    return Role.SIDECAR if folded in _SIDECARS else Role.MAIN


def _within(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _stem(name: str) -> str:
    stem = name.rpartition(".")[0]
    return stem or name


def _suffix(name: str) -> str:
    return name.rpartition(".")[2]
