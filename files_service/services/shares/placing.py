"""Places of files that visitors bring: in the folder of the share, by sender, and never over another file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from files_service.core import Core
from files_service.domain.share_paths import place_in, segments_of
from files_service.domain.shares import ShareKind
from files_service.errors import Conflict, bad_request
from files_service.services.files import change
from files_service.services.shares.share import Share
from storage_adapters import FileRecord, NameTaken

_AT_ONCE = 100
_MOST = 100_000


def place(core: Core, share: Share, sender: str, file_id: str, name: str) -> None:
    """Put a file that is not complete yet into the folder of the share, under the first name that is free.

    Its sender does not learn that name: it would tell which ones are taken. Raises BadRequest that names ``name``.
    """
    if share.path is None:
        return
    segments = segments_of(name)
    if share.kind is ShareKind.DROP and sender:
        segments = [segments_of(sender.replace("/", "_").replace("\\", "_"))[0], *segments]
    number = 1
    while number < _MOST:
        number = _first_free(core, share, segments, number)
        path = place_in(share.path, segments, number)
        if path is None:
            raise bad_request("name", "The path is too long.")
        try:
            change(core, file_id, _mover(path))
        except NameTaken as error:
            if error.kind != "path":
                raise
            number += 1
        else:
            return
    raise Conflict("too many files have this name", {"field": "name"})


def _mover(path: str) -> Callable[[FileRecord], FileRecord]:
    def move(record: FileRecord) -> FileRecord:
        return replace(record, path=path, name=path.rpartition("/")[2])

    return move


def _first_free(core: Core, share: Share, segments: list[str], number: int) -> int:
    """Return the first number that is free, from the given one on; several are looked at in one read."""
    assert share.path is not None
    while number < _MOST:
        numbers = range(number, number + _AT_ONCE)
        paths = [place_in(share.path, segments, each) or "" for each in numbers]
        taken = core.metadata.resolve(share.owner, "path", paths)
        free = next((each for each, holder in zip(numbers, taken, strict=True) if holder is None), None)
        if free is not None:
            return free
        number += _AT_ONCE
    return number
