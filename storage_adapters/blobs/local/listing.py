"""Iteration over blobs in the order of the segments of their keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

BLOB = ".blob"


def walk(root: Path, prefix: str, after: str) -> Iterator[str]:
    """Yield the keys with ``prefix`` after ``after``; folders without such keys are not opened."""
    yield from _below(root, (), prefix, tuple(after.split("/")) if after else ())


def _below(folder: Path, above: tuple[str, ...], prefix: str, after: tuple[str, ...]) -> Iterator[str]:
    try:
        # A blob sorts before the content of the folder with the same name.
        entries = sorted((path.name.removesuffix(BLOB), not path.name.endswith(BLOB)) for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for name, is_folder in entries:
        place = (*above, name)
        key = "/".join(place)
        if is_folder:
            may_hold = f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/")
            if may_hold and place >= after[: len(place)]:
                yield from _below(folder / name, place, prefix, after)
        elif key.startswith(prefix) and place > after:
            yield key
