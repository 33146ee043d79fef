"""Paths of files and folders, as pages, REST and RPC admit them. Pure.

1. A store takes any text as a path. These rules are those of the doors of people.
2. A path is segments with "/" between them. Each is text in NFC without backslash, controls, characters that turn the
   direction of text, and is not "." or "..". It is normalised before it is checked.
3. A new path has at most ``MAX_DEPTH`` segments: each folder that is made has a document. Deeper ones that earlier
   releases took are read, listed and moved as before, to places that are not deeper.
4. A folder is a prefix that ends with "/": "up/" does not begin the path "up2/a". A file and a folder may have one
   name.
"""

from __future__ import annotations

import re

from files_service.domain.filenames import safe_name, split_suffix
from storage_adapters import composed_form

MAX_BYTES = 1_024
MAX_SEGMENT_BYTES = 255
MAX_DEPTH = 64
# Controls, line and paragraph separators, the marks and overrides of direction, and surrogates.
_BARRED = re.compile("[\\\\\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class BadPath(ValueError):
    """A text that is not a path."""


def clean_path(text: str) -> str:
    """Return the path that a text names. Raises BadPath."""
    if _BARRED.search(text):
        raise BadPath('Must not contain "\\", control characters or marks of text direction.')
    path = composed_form(text)
    if len(path.encode()) > MAX_BYTES:
        raise BadPath(f"Must be at most {MAX_BYTES} bytes of UTF-8.")
    for segment in path.split("/"):
        _check_segment(segment)
    return path


def clean_folder(text: str) -> str:
    """Return the path of the folder that a text names, "" for the top; one "/" at its end is allowed.

    Raises BadPath.
    """
    return clean_path(text.removesuffix("/")) if text not in ("", "/") else ""


def new_path(text: str) -> str:
    """Return the path that a text names, for something that comes to it. Raises BadPath."""
    return _not_deeper(clean_path(text))


def new_folder(text: str) -> str:
    """Return the path of the folder that a text names, for something that comes to it. Raises BadPath."""
    return _not_deeper(clean_folder(text))


def clean_name(text: str) -> str:
    """Return the segment that a name is. Raises BadPath."""
    if "/" in text:
        raise BadPath('Must not contain "/": the file is in a folder.')
    return clean_path(text)


def segment_of(name: str) -> str:
    """Return the segment of a path that stands for a free name: the name itself where it is one."""
    try:
        return clean_name(name)
    except BadPath:
        safe = composed_form(safe_name(_BARRED.sub("_", name)))
        stem, suffix = split_suffix(safe)
        return stem.encode()[: MAX_SEGMENT_BYTES - len(suffix.encode())].decode(errors="ignore") + suffix


def name_of(path: str) -> str:
    """Return the last segment."""
    return path.rpartition("/")[2]


def parent_of(path: str) -> str:
    """Return the folder in which a path lies, "" for the top."""
    return path.rpartition("/")[0]


def ancestors_of(path: str) -> list[str]:
    """Return the folders in which a path lies, the outermost first, without the top."""
    segments = path.split("/")
    return ["/".join(segments[:count]) for count in range(1, len(segments))]


def prefix_of(folder: str) -> str:
    """Return the prefix of the paths in a folder."""
    return f"{folder}/" if folder else ""


def joined(folder: str, name: str, *, before: str = "") -> str:
    """Return the path of a name in a folder. Raises BadPath when it is too long or deep for what was at ``before``."""
    path = f"{prefix_of(folder)}{name}"
    if len(path.encode()) > MAX_BYTES:
        raise BadPath(f"Would make a path of more than {MAX_BYTES} bytes of UTF-8.")
    return _not_deeper(path, before)


def renamed(path: str, name: str) -> str:
    """Return the path of a file with another name in the same folder. Raises BadPath."""
    return joined(parent_of(path), clean_name(name), before=path)


def folder_shown(folder: str) -> dict[str, str]:
    """Return a folder as callers see it."""
    return {"path": folder, "name": name_of(folder)}


def is_within(path: str, folder: str) -> bool:
    """Return True when a path lies in a folder, or in one below it."""
    return path.startswith(prefix_of(folder))


def rebased(path: str, source: str, target: str) -> str:
    """Return the path below ``target`` of what lies below ``source``. Raises BadPath when it is too long or deep."""
    return joined(target, path.removeprefix(prefix_of(source)), before=path)


def numbered(path: str, number: int, *, is_folder: bool = False) -> str:
    """Return a path with a number before its suffix: "a (2).txt". The first is the path itself. Raises BadPath."""
    return path if number == 1 else _marked(path, f" ({number})", is_folder=is_folder)


def restored(path: str, number: int, *, is_folder: bool = False) -> str:
    """Return a path for what comes back: the path itself, then "a (restored).txt", "a (restored 2).txt".

    Raises BadPath.
    """
    mark = " (restored)" if number == 2 else f" (restored {number - 1})"
    return path if number == 1 else _marked(path, mark, is_folder=is_folder)


def _marked(path: str, mark: str, *, is_folder: bool) -> str:
    """Return a path with a mark behind the stem of its name, which is cut to the limits of a path."""
    parent = prefix_of(parent_of(path))
    stem, suffix = (name_of(path), "") if is_folder else split_suffix(name_of(path))
    room = min(MAX_SEGMENT_BYTES, MAX_BYTES - len(parent.encode())) - len(f"{mark}{suffix}".encode())
    if room < 1:
        raise BadPath("Is too long for another name beside it.")
    return f"{parent}{stem.encode()[:room].decode(errors='ignore')}{mark}{suffix}"


def _not_deeper(path: str, before: str = "") -> str:
    """Return a path that has no more segments than a new one may have, or the one before it had. Raises BadPath."""
    if path.count("/") >= max(MAX_DEPTH, before.count("/") + 1):
        raise BadPath(f"Must have at most {MAX_DEPTH} segments.")
    return path


def _check_segment(segment: str) -> None:
    if not segment.strip():
        raise BadPath('Must have no empty segment, and no "/" at its beginning or end.')
    if segment in (".", ".."):
        raise BadPath('Must not have "." or ".." as a segment.')
    if len(segment.encode()) > MAX_SEGMENT_BYTES:
        raise BadPath(f"A segment must be at most {MAX_SEGMENT_BYTES} bytes of UTF-8.")
