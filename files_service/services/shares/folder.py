"""Shares of folders: live, so they show the files that lie in the folder now, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from files_service.core import Core
from files_service.domain import paths
from files_service.domain.editing import is_finished
from files_service.domain.shares import fault_of_state
from files_service.errors import NotFound, TooLarge, bad_request
from files_service.services.accounts import documents
from files_service.services.files import files_in
from files_service.services.shares.share import SHARES, Share, order_of, share_of_document
from storage_adapters import FileRecord, ListQuery, Position

PAGE = 100
# The most files of a folder that one answer gathers.
MOST = 10_000
# The most files whose sizes are added up for a page.
_SOON = 500


@dataclass(frozen=True, slots=True)
class FolderPage:
    """A page of a shared folder: names of folders and finished files below ``below``, and where the next one begins.

    ``below`` and the value of ``following`` are relative to the share: visitors learn nothing of what lies above.
    """

    below: str
    folders: tuple[str, ...]
    files: tuple[FileRecord, ...]
    following: Position | None


def clean_folder(path: str) -> str:
    """Return a folder as it is kept. Raises BadRequest that names ``path``."""
    try:
        found = paths.clean_folder(path)
    except paths.BadPath as error:
        raise bad_request("path", str(error)) from None
    if not found:
        raise bad_request("path", "Must be a folder.")
    return found


def page_of(core: Core, share: Share, below: str, after: Position | None) -> FolderPage:
    """Return a page of the folder of a share, or of one below it. Raises BadRequest, and NotFound for an empty one."""
    assert share.path is not None
    inner = clean_folder(below) + "/" if below else ""
    prefix = f"{share.path}/{inner}"
    begin = None if after is None else Position(value=f"{share.path}/{after.value}", file_id=after.file_id)
    query = _query(share.owner, prefix, PAGE)
    page = core.metadata.find(replace(query, delimiter="/", after=begin))
    if inner and after is None and not page.records and not page.folders and page.next_position is None:
        raise NotFound("the link has no such folder")
    following = None
    if page.next_position is not None:
        place = str(page.next_position.value).removeprefix(f"{share.path}/")
        following = Position(value=place, file_id=page.next_position.file_id)
    return FolderPage(
        below=inner.rstrip("/"),
        folders=tuple(each[len(prefix) :].rstrip("/") for each in page.folders),
        files=tuple(filter(is_finished, page.records)),
        following=following,
    )


def files_below(core: Core, share: Share) -> list[FileRecord]:
    """Return the finished files of the folder of a share at any depth, by path. Raises TooLarge beyond ``MOST``."""
    found = []
    for record in _files_below(core, share.owner, f"{share.path}/", limit=PAGE):
        if is_finished(record):
            found.append(record)
        if len(found) > MOST:
            raise TooLarge("the folder has too many files for one answer", {"limit": MOST})
    return found


def total_below(core: Core, share: Share) -> tuple[int, int] | None:
    """Return number and size of the finished files of the folder of a share, None for more than are soon counted."""
    files = size = 0
    for record in _files_below(core, share.owner, f"{share.path}/", limit=PAGE):
        if is_finished(record):
            files, size = files + 1, size + record.size
        if files > _SOON:
            return None
    return files, size


def is_in_folder(share: Share, record: FileRecord) -> bool:
    """Return True for a finished file that lies in the folder of a share now."""
    assert share.path is not None
    mine = record.owner == share.owner and record.is_listed
    return mine and paths.is_within(record.path or "", share.path) and is_finished(record)


def links_that_show(core: Core, record: FileRecord) -> list[Share]:
    """Return the open links of folders that show a file, whatever its access."""
    shares = map(share_of_document, documents.walk(core, SHARES, order_of(record.owner)))
    now = core.clock()
    return [
        share
        for share in shares
        if share.path is not None
        and share.kind.shows_files
        and is_in_folder(share, record)
        and fault_of_state(share.state, starts_at=share.starts_at, expires_at=share.expires_at, now=now) is None
    ]


def _files_below(core: Core, owner: str, prefix: str, *, limit: int) -> Iterator[FileRecord]:
    return files_in(core, _query(owner, prefix, limit))


def _query(owner: str, prefix: str, limit: int) -> ListQuery:
    return ListQuery(owner=owner, order_by="path", descending=False, prefix=prefix, limit=limit)
