"""Files and folders that cameras and operating systems leave on a card and that hold no footage."""

from __future__ import annotations

from fnmatch import fnmatchcase

from storage_adapters import fold

# Patterns of names, compared without case at any depth; docs/cards.md has the same list.
JUNK: tuple[tuple[str, str], ...] = (
    (".trashes", "trash of macOS"),
    (".trash-[0-9]*", "trash of Linux"),
    ("$recycle.bin", "trash of Windows"),
    (".spotlight*", "search index of macOS"),
    (".fseventsd", "change log of macOS"),
    (".temporaryitems", "temporary files of macOS"),
    (".ds_store", "folder view of macOS"),
    ("system volume information", "index of Windows"),
    ("thumbs.db", "folder view of Windows"),
    ("desktop.ini", "folder view of Windows"),
    ("lost.dir", "fragments that Android found"),
    ("lost+found", "fragments that a repair of Linux found"),
    ("get_started_with_gopro.url", "advertisement of the camera"),
)


def is_junk(name: str) -> bool:
    """Return True when a file or folder of this name is left out."""
    folded = fold(name)
    return any(fnmatchcase(folded, pattern) for pattern, _ in JUNK)
