"""Files on disk that a command names: single ones, and all that lie in folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from files_service.domain.local_names import readable_name, stored_name

Skip = Callable[[Path, str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """A file on disk, its name, and its place: with the folder that was named, if it lies in one."""

    path: Path
    name: str
    place: str

    @property
    def shown(self) -> str:
        """The path as text for people."""
        return readable_name(str(self.path))


def sources_of(paths: Sequence[Path], *, skip: Skip, fail: Skip) -> Iterator[Source]:
    """Yield each file that is named or lies in a named folder, in the order of names.

    ``skip`` is told of what is left out on purpose, ``fail`` of what cannot be read.
    """
    for path in paths:
        if path.is_dir():
            yield from _within(path, skip, fail)
        else:
            yield _source(path, Path(path.name))


def _within(folder: Path, skip: Skip, fail: Skip) -> Iterator[Source]:
    """Yield the files of a folder, with names that begin with the folder's.

    Links lead to files of the same folder or nowhere; links to folders are left out, because they may lead round in
    circles. A pipe or a device may never end.
    """
    root = folder.resolve()

    def refuse(error: OSError) -> None:
        fail(Path(os.fsdecode(error.filename)), error.strerror or "cannot be read")

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in sorted(folders):
            if (Path(place) / name).is_symlink():
                skip(Path(place) / name, "a link to a folder")
        for name in sorted(names):
            path = Path(place) / name
            if (reason := _reason_to_skip(path, root)) is not None:
                skip(path, reason)
            else:
                yield _source(path, Path(root.name) / path.relative_to(folder))


def _source(path: Path, place: Path) -> Source:
    return Source(path, stored_name(place.name), "/".join(map(stored_name, place.parts)))


def _reason_to_skip(path: Path, root: Path) -> str | None:
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        return "a link out of the folder"
    try:
        kind = path.stat().st_mode
    except OSError:
        return None  # opening it says why it cannot be read
    return None if stat.S_ISREG(kind) else "not a file"
