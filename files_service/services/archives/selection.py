"""The files of an archive: those that a caller names, or those below a folder, and the folders that they lie in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

from files_service.core import Core
from files_service.domain.access import may_change
from files_service.domain.editing import is_finished
from files_service.errors import Forbidden, NotFound, TooLarge, WrongStatus
from files_service.services.accounts import documents
from files_service.services.files import files_in, readable, require_acts_for
from files_service.services.folders.folder import FOLDERS, find_folder, order_below
from files_service.services.scrub.marks import require_kept
from storage_adapters import FileRecord, ListQuery, RecordNotFound

MOST_FILES = 10_000
_PAGE = 100

# Files, and the folder of the archive in which each lies; "" is none.
Placed = list[tuple[FileRecord, str]]


def readable_file(core: Core, actor: str | None, file_id: str) -> FileRecord:
    """Load a file that is in lists. Raises NotFound, also for one that the actor may not read, and WrongStatus."""
    try:
        record = readable(core, file_id, actor)
    except (RecordNotFound, Forbidden):
        raise NotFound("there is no such file", {"file_id": file_id}) from None
    if not record.is_listed:
        raise WrongStatus(f"the file {file_id} is in the trash, or a version to come", {"file_id": file_id})
    return record


def named_files(core: Core, actor: str | None, file_ids: Sequence[str]) -> Placed:
    """Return these files, once each, in folders below the deepest one that all of the actor's own files lie in.

    Raises NotFound, WrongStatus, and BytesLost, each with the id of the file.
    """
    records = [_require_whole(readable_file(core, actor, file_id)) for file_id in dict.fromkeys(file_ids)]
    # Paths are for their owners alone.
    folders = [_folder_of(record) if may_change(record, actor) else None for record in records]
    shared = _shared_length([each for each in folders if each is not None])
    return [(record, "/".join((each or ())[shared:])) for record, each in zip(records, folders, strict=True)]


def files_below(core: Core, actor: str | None, owner: str, folder: str) -> Placed:
    """Return the finished files of an owner below a folder, in folders below it.

    Raises Forbidden, NotFound where there is no such folder, TooLarge for one of too many files, and BytesLost.
    """
    require_acts_for(owner, actor)
    prefix = f"{folder.strip('/')}/"
    records = list(islice(_below(core, owner, prefix), MOST_FILES + 1))
    if len(records) > MOST_FILES:
        raise _too_many()
    if not records and not is_made(core, owner, folder):
        raise NotFound("the owner has no such folder", {"folder": folder})
    return [(_require_whole(each), place_below(each, prefix)) for each in records if is_finished(each)]


def folders_below(core: Core, owner: str, folder: str) -> dict[str, int]:
    """Return the folders that were made below a folder, by their paths from there, with their times.

    Raises TooLarge for too many.
    """
    prefix = f"{folder.strip('/')}/"
    found = documents.walk(core, FOLDERS, order_below(owner, folder.strip("/")))
    made = {
        each.body["path"].removeprefix(prefix): int(each.body["created_at"]) for each in islice(found, MOST_FILES + 1)
    }
    if len(made) > MOST_FILES:
        raise _too_many()
    return made


def is_made(core: Core, owner: str, folder: str) -> bool:
    """Return True when a folder, or one below it, was made and not only by the path of a file."""
    path = folder.strip("/")
    return find_folder(core, owner, path) is not None or bool(folders_below(core, owner, path))


def place_below(record: FileRecord, folder: str) -> str:
    """Return the folder of a file within a folder that it lies in."""
    return "/".join(_folder_of(record)[folder.strip("/").count("/") + 1 :])


def _too_many() -> TooLarge:
    return TooLarge("the folder has too many files for an archive", {"field": "folder", "limit": MOST_FILES})


def _below(core: Core, owner: str, prefix: str) -> Iterator[FileRecord]:
    return files_in(core, ListQuery(owner=owner, prefix=prefix, order_by="path", descending=False, limit=_PAGE))


def _require_whole(record: FileRecord) -> FileRecord:
    if not is_finished(record):
        status = record.status.value
        raise WrongStatus(f"the file {record.file_id} is {status}", {"file_id": record.file_id, "status": status})
    for part in record.parts:
        require_kept(record, part)
    return record


def _shared_length(folders: Sequence[tuple[str, ...]]) -> int:
    """Return the number of first segments that all folders share: those that the least and the greatest share."""
    first, last = min(folders, default=()), max(folders, default=())
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))


def _folder_of(record: FileRecord) -> tuple[str, ...]:
    return tuple((record.path or "").split("/")[:-1])
