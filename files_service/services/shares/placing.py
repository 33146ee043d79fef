"""Places of files that visitors bring: in the folder of the share, by sender, and never over another file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from files_service.core import Core
from files_service.domain import paths
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
    wanted = wanted_path(share, sender, name)
    if wanted is None:
        return
    try:
        _move(core, share, file_id, wanted)
    except paths.BadPath as error:
        raise bad_request("name", str(error)) from None


def wanted_path(share: Share, sender: str, name: str) -> str | None:
    """Return the path of a file in the folder of the share, None without one. Raises BadRequest that names ``name``."""
    if share.path is None:
        return None
    try:
        return paths.joined(share.path, "/".join(_segments_of(share, sender, name)))
    except paths.BadPath as error:
        raise bad_request("name", str(error)) from None


def _segments_of(share: Share, sender: str, name: str) -> list[str]:
    """Return the clean segments of a name that a visitor sends: none leads out of the folder."""
    named = [each for each in name.replace("\\", "/").split("/") if each.strip(" .")] or ["file"]
    by_sender = [sender] if sender and share.kind is ShareKind.DROP else []
    return [paths.segment_of(each.replace("/", "_")) for each in (*by_sender, *named)]


def _move(core: Core, share: Share, file_id: str, wanted: str) -> None:
    number = 1
    while number < _MOST:
        number = _first_free(core, share.owner, wanted, number)
        try:
            change(core, file_id, _mover(paths.numbered(wanted, number)))
        except NameTaken as error:
            if error.kind != "path":
                raise
            number += 1
        else:
            return
    raise Conflict("too many files have this name", {"field": "name"})


def _mover(path: str) -> Callable[[FileRecord], FileRecord]:
    def move(record: FileRecord) -> FileRecord:
        return replace(record, path=path, name=paths.name_of(path))

    return move


def _first_free(core: Core, owner: str, wanted: str, number: int) -> int:
    """Return the first number that is free, from the given one on; several are looked at in one read."""
    while number < _MOST:
        numbers = range(number, number + _AT_ONCE)
        taken = core.metadata.resolve(owner, "path", [paths.numbered(wanted, each) for each in numbers])
        free = next((each for each, holder in zip(numbers, taken, strict=True) if holder is None), None)
        if free is not None:
            return free
        number += _AT_ONCE
    return number
