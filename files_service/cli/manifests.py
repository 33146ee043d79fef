"""Manifests of the ASC Media Hash List in a folder, as its own tools and ours write them."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from files_service.domain.mhl import FOLDER

_FILE = re.compile(r'<path [^>]*size="(\d{1,20})"[^>]*>([^<]*)</path>\s*<xxh64 [^>]*>([0-9a-f]{16})</xxh64>')


class Hashed(NamedTuple):
    """Size and xxHash64 of a file."""

    size: int
    xxh64: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation; ``files`` are by their paths in the tree."""

    name: str
    files: dict[str, Hashed]


def newest_manifest(tree: Path) -> Manifest | None:
    """Return the last generation of a tree, None where there is none that can be read."""
    names = sorted(path.name for path in (tree / FOLDER).glob("[0-9][0-9][0-9][0-9]_*.mhl"))
    if not names:
        return None
    try:
        text = (tree / FOLDER / names[-1]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    files = {html.unescape(path): Hashed(int(size), xxh64) for size, path, xxh64 in _FILE.findall(text)}
    return Manifest(names[-1], files) if files else None
