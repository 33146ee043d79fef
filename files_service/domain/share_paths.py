"""Paths of shares: folders that are shared, and places of files that visitors bring. Pure.

A path is segments with "/" between them, in NFC, without controls, "." and "..". One that begins a folder ends with "/"
wherever it is compared, so that "/up" is never "/up2".
"""

from __future__ import annotations

from storage_adapters import category_of, composed_form

MAX_PATH_BYTES = 1_024
MAX_SEGMENT_BYTES = 255
_UNCLEAN = frozenset("/\\")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def folder_of(text: str) -> str | None:
    """Return the path of a folder as it is kept, None for text that is none."""
    path = composed_form(text).strip("/")
    segments = path.split("/")
    if len(path.encode()) > MAX_PATH_BYTES or not all(map(_is_clean, segments)):
        return None
    return path


def is_below(path: str | None, folder: str) -> bool:
    """Return True when a path lies in a folder, at any depth."""
    return path is not None and path.startswith(f"{folder}/")


def segments_of(name: str) -> list[str]:
    """Return the segments of a name that a visitor sends, made clean; at least one. None leads out of its folder."""
    named = composed_form(name).replace("\\", "/").split("/")
    return [_cleaned(each) for each in named if each.strip(" .")] or ["file"]


def place_in(folder: str, segments: list[str], number: int) -> str | None:
    """Return the path of a file in a folder, with a number from 2 on; None for one that is too long."""
    name = segments[-1]
    if number > 1:
        stem, dot, suffix = name.rpartition(".")
        mark = f" ({number})"
        name = f"{stem}{mark}{dot}{suffix}" if stem else f"{name}{mark}"
    path = "/".join([folder, *segments[:-1], name])
    return path if len(path.encode()) <= MAX_PATH_BYTES else None


def _is_clean(segment: str) -> bool:
    return segment not in ("", ".", "..") and not any(map(_is_bad, segment)) and len(segment.encode()) <= 1_024


def _is_bad(character: str) -> bool:
    return character in _UNCLEAN or character in _BIDI or category_of(character) in ("Cc", "Cs", "Zl", "Zp")


def _cleaned(segment: str) -> str:
    clean = "".join("_" if _is_bad(each) else each for each in segment).strip()
    return clean.encode()[:MAX_SEGMENT_BYTES].decode(errors="ignore")
