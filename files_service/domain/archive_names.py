"""Names of the entries of an archive: each is one file below the folder it is unpacked into, on every system. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from files_service.domain.filenames import safe_name, split_suffix
from storage_adapters import composed_form, fold

# Names of devices, with any suffix.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.I | re.S)
# Characters that turn the order of others around, or are not shown.
_HIDDEN = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_SEGMENT_BYTES = 240


def entry_names(paths: Sequence[str], folders: Iterable[str] = ()) -> list[str]:
    """Return a name for each path of files, in order: clean segments, and "name (2)" for what would be the same file.

    Names that differ in case alone are the same, and no file has the name of a folder, also of an empty one.
    """
    cleaned = [tuple(map(_clean, _segments(path) or [""])) for path in paths]
    taken = {_key(each[:length]) for each in cleaned for length in range(1, len(each))}
    for each in (tuple(map(_clean, _segments(path))) for path in folders):
        taken |= {_key(each[:length]) for length in range(1, len(each) + 1)}
    numbers: dict[str, int] = {}
    return ["/".join(_unused(each, taken, numbers)) for each in cleaned]


def folder_names(paths: Iterable[str], entries: Iterable[str] = ()) -> dict[str, str]:
    """Return the names of folders as entries, each with its path; not of those in which another entry lies."""
    names = {"/".join(map(_clean, found)) + "/": path for path in paths if (found := _segments(path))}
    above = {above for each in (*entries, *names) for above in _folders_above(each)}
    return {name: path for name, path in names.items() if name not in above}


def _folders_above(name: str) -> Iterator[str]:
    segments = name.rstrip("/").split("/")
    return ("/".join(segments[:length]) + "/" for length in range(1, len(segments)))


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment not in ("", ".", "..")]


def _clean(segment: str) -> str:
    name = safe_name(composed_form(_HIDDEN.sub("", segment.encode(errors="replace").decode())))
    if _DEVICE.fullmatch(name):
        name = f"_{name}"
    return _cut(name, "")


def _cut(name: str, number: str) -> str:
    """Return a name with a number before its suffix, not longer than file systems take."""
    stem, suffix = split_suffix(name)
    room = _SEGMENT_BYTES - len((number + suffix).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + number + suffix


def _unused(segments: tuple[str, ...], taken: set[str], numbers: dict[str, int]) -> tuple[str, ...]:
    key = _key(segments)
    if key not in taken:
        taken.add(key)
        return segments
    for numbered in _numbered(segments, key, numbers):
        if (other := _key(numbered)) not in taken:
            taken.add(other)
            return numbered
    raise AssertionError("numbers end")


def _numbered(segments: tuple[str, ...], key: str, numbers: dict[str, int]) -> Iterator[tuple[str, ...]]:
    """Yield the numbered forms of a name from the first one on that was not given yet."""
    while True:
        numbers[key] = numbers.get(key, 1) + 1
        yield (*segments[:-1], _cut(segments[-1], f" ({numbers[key]})"))


def _key(segments: tuple[str, ...]) -> str:
    return fold("/".join(segments))
