"""Lists of a folder: its files and folders in one order, also the folders in which there is nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from files_service.core import Core
from files_service.domain.listing import decode_cursor, encode_cursor
from files_service.domain.paths import prefix_of
from files_service.services.accounts.documents import documents_of
from files_service.services.files import require_acts_for
from files_service.services.folders.folder import FOLDERS, order_within, require_folder
from storage_adapters import DocumentQuery, FileRecord, ListQuery, Page, Position

# Behind "/" in the order of code points: a folder and all that is in it lie before it.
_BEHIND_SLASH = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPage:
    """One page: files, and the paths of folders; ``next_cursor`` None at the end."""

    files: tuple[FileRecord, ...]
    folders: tuple[str, ...]
    next_cursor: str | None


def list_folder(
    core: Core, owner: str, folder: str, *, actor: str | None, limit: int, cursor: str | None
) -> FolderPage:
    """Return a page of a folder. Raises Forbidden, NotFound, BadQuery for a cursor of another list."""
    require_acts_for(owner, actor)
    require_folder(core, owner, folder)
    query = ListQuery(
        owner=owner, order_by="path", descending=False, prefix=prefix_of(folder), delimiter="/", limit=limit
    )
    after = decode_cursor(query, cursor) if cursor is not None else None
    page = core.metadata.find(replace(query, after=after))
    core.lists.note_unreadable(page)
    made, made_up_to = _made_folders(core, owner, folder, after, limit)
    rows = dict(_rows(page))
    rows.update((each, None) for each in made if each not in rows)
    ends = [end for end in (made_up_to, _place_of(page.next_position)) if end is not None]
    known = sorted(key for key in rows if not ends or key <= min(ends))
    shown = known[:limit]
    files = tuple(record for key in shown if (record := rows[key]) is not None)
    folders = tuple(key.removesuffix("/") for key in shown if rows[key] is None)
    following = shown[-1] if len(known) > limit else min(ends, default=None)
    return FolderPage(
        files=files,
        folders=folders,
        next_cursor=encode_cursor(query, _position_behind(following)) if following is not None else None,
    )


def _rows(page: Page) -> Iterator[tuple[str, FileRecord | None]]:
    """Yield the rows of a page by their places: the path of a file, and that of a folder with "/" at its end."""
    yield from ((record.path or "", record) for record in page.records)
    yield from ((folder, None) for folder in page.folders)


def _made_folders(
    core: Core, owner: str, folder: str, after: Position | None, limit: int
) -> tuple[list[str], str | None]:
    """Return the places of the next folders that were made, and the place up to which these are all."""
    prefix = order_within(owner, folder)
    start = str(after.value)[len(prefix_of(folder)) :] if after is not None else ""
    query = DocumentQuery(collection=FOLDERS, prefix=prefix, first=f"{prefix}{start}", limit=limit)
    page = documents_of(core).find_documents(query, now=core.clock())
    following = page.next_position
    up_to = None if following is None else f"{prefix_of(folder)}{following.order.removeprefix(prefix)}"
    return [f"{each.body['path']}/" for each in page.documents], up_to


def _place_of(position: Position | None) -> str | None:
    """Return the last row before a position: a file, or the folder behind which it lies."""
    if position is None:
        return None
    value = str(position.value)
    return value if position.file_id else f"{value[:-1]}/"


def _position_behind(place: str) -> Position:
    """Return the position behind a row: behind all that lies in a folder, and behind a file."""
    if place.endswith("/"):
        return Position(value=f"{place[:-1]}{_BEHIND_SLASH}", file_id="")
    return Position(value=place, file_id=chr(0x10FFFF))
