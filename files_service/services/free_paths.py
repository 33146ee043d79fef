"""Free paths: a path that another file has gives way to the next one, "a (2).txt"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

from files_service.core import Core
from files_service.domain.paths import BadPath, name_of, numbered
from files_service.errors import PathTaken
from storage_adapters import FileRecord, NameTaken

# Names that are looked up at once, and the last number that is tried.
_AT_ONCE = 50
_LAST_NUMBER = 10_000
_MAX_RACES = 50


class OnConflict(StrEnum):
    """Treatment of a path that another file has: keep both, or fail."""

    RENAME = "rename"
    FAIL = "fail"


def at_path(record: FileRecord, path: str) -> FileRecord:
    """Return the record at a path, which gives it its name."""
    return replace(record, path=path, name=name_of(path))


def require_free(core: Core, owner: str, path: str) -> None:
    """Raise PathTaken when a file of the owner has the path."""
    [file_id] = core.metadata.resolve(owner, "path", [path])
    if file_id is not None:
        raise _taken(path, file_id)


def with_free_path(
    core: Core,
    record: FileRecord,
    path: str,
    save: Callable[[str], FileRecord],
    on_conflict: OnConflict,
    form: Callable[[str, int], str] = numbered,
) -> FileRecord:
    """Save the record at the path, or at the first of its ``form`` that no other file has.

    Of several callers that want one path each gets its own. Raises PathTaken, and the errors of ``save``.
    """
    number, wanted = 1, path
    for _ in range(_MAX_RACES):
        try:
            return save(wanted)
        except NameTaken as error:
            if error.kind != "path":
                raise
            if on_conflict is OnConflict.FAIL:
                raise _taken(path, error.file_id) from error
        number, wanted = _next_free(core, record, path, number + 1, form)
    raise PathTaken("the path is taken, and so are all that were tried beside it", {"path": path})


def _next_free(
    core: Core, record: FileRecord, path: str, first: int, form: Callable[[str, int], str]
) -> tuple[int, str]:
    """Return the first number from ``first`` on whose path is free, or the record's own."""
    for start in range(first, _LAST_NUMBER, _AT_ONCE):
        try:
            paths = [form(path, number) for number in range(start, start + _AT_ONCE)]
        except BadPath:
            break
        holders = core.metadata.resolve(record.owner, "path", paths)
        for number, (each, holder) in enumerate(zip(paths, holders, strict=True), start):
            if holder in (None, record.file_id):
                return number, each
    raise _taken(path, "")


def _taken(path: str, file_id: str) -> PathTaken:
    details = {"field": "path", "path": path} | ({"file_id": file_id} if file_id else {})
    return PathTaken("another file has this path", details)
