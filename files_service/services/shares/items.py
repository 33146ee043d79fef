"""The files of a share: taken in when their owner shares them, and looked at again whenever the link is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from files_service.core import Core
from files_service.domain.versions import as_content, find_version
from files_service.errors import Gone, NotFound
from files_service.services.editing import set_access
from files_service.services.shares.folder import files_below, is_in_folder
from files_service.services.shares.share import Item, Share
from storage_adapters import Access, FileRecord, RecordNotFound


def take_in(core: Core, owner: str, file_ids: Sequence[str], versions: Mapping[str, str]) -> tuple[Item, ...]:
    """Return files of the owner as items, those in ``versions`` by that version; a private file becomes ``shared``.

    Raises NotFound.
    """
    records = [_owned(core, owner, file_id) for file_id in dict.fromkeys(file_ids)]
    for record in records:
        _require_version(record, versions.get(record.file_id))
    return tuple(_opened(core, record, versions.get(record.file_id)) for record in records)


def take_in_again(core: Core, share: Share) -> tuple[Item, ...]:
    """Return those items whose files and versions are still there, shared anew."""
    found = [(item, _find(core, item.file_id)) for item in share.items]
    return tuple(
        _opened(core, record, item.version_id)
        for item, record in found
        if record is not None
        and record.owner == share.owner
        and record.is_listed
        and _has_version(record, item.version_id)
    )


def files_of(core: Core, share: Share) -> list[FileRecord]:
    """Return the files that the link shows now. Raises Gone when there are none, NotFound for one that shows none."""
    _require_shows(share)
    if share.path is not None:
        return files_below(core, share)
    files = [record for item in share.items if (record := _shown(core, share, item)) is not None]
    if not files:
        raise _gone(core, share.items, "the files of the link are gone")
    return files


def file_of(core: Core, share: Share, file_id: str) -> FileRecord:
    """Return one file of a share. Raises NotFound for any other file, Gone for one that is not shared any more."""
    _require_shows(share)
    if share.path is not None:
        return _in_folder(core, share, file_id)
    item = next((each for each in share.items if each.file_id == file_id), None)
    if item is None:
        raise NotFound("the link has no such file")
    record = _shown(core, share, item)
    if record is None:
        raise _gone(core, [item], "the file is gone from the link")
    return record


def closed_items(core: Core, share: Share) -> list[str]:
    """Return the ids of files that the link does not show any more."""
    return [item.file_id for item in share.items if _shown(core, share, item) is None]


def _in_folder(core: Core, share: Share, file_id: str) -> FileRecord:
    record = _find(core, file_id)
    if record is None or not is_in_folder(share, record):
        # The same answer: what is not in the folder is none of the visitor's business.
        raise NotFound("the link has no such file")
    return record


def _require_shows(share: Share) -> None:
    if not share.kind.shows_files:
        raise NotFound("the link has no such file")


def _shown(core: Core, share: Share, item: Item) -> FileRecord | None:
    record = _find(core, item.file_id)
    if record is None or record.owner != share.owner or not record.is_listed or record.access is Access.PRIVATE:
        return None
    if record.access_epoch != item.access_epoch or not _has_version(record, item.version_id):
        return None
    version = find_version(record, item.version_id) if item.version_id is not None else None
    return record if version is None else as_content(record, version)


def _gone(core: Core, items: Sequence[Item], message: str) -> Gone:
    """Make the error of items that the link does not show any more; it names versions that were deleted."""
    lost = [
        item
        for item in items
        if (record := _find(core, item.file_id)) is not None
        and record.is_listed
        and not _has_version(record, item.version_id)
    ]
    return Gone("the version that the link showed was deleted", {"deleted": "version"}) if lost else Gone(message)


def _has_version(record: FileRecord, version_id: str | None) -> bool:
    return version_id is None or find_version(record, version_id) is not None


def _require_version(record: FileRecord, version_id: str | None) -> None:
    if not _has_version(record, version_id):
        raise NotFound("the file has no such version", {"file_id": record.file_id, "version_id": version_id})


def _opened(core: Core, record: FileRecord, version_id: str | None) -> Item:
    if record.access is Access.PRIVATE:
        record = set_access(core, record.file_id, Access.SHARED, actor=record.owner)
    return Item(record.file_id, record.access_epoch, version_id)


def _owned(core: Core, owner: str, file_id: str) -> FileRecord:
    record = _find(core, file_id)
    if record is None or record.owner != owner or not record.is_listed:
        # The same answer: it must not be told that another owner has it.
        raise NotFound("the owner has no such file", {"file_id": file_id})
    return record


def _find(core: Core, file_id: str) -> FileRecord | None:
    try:
        return core.metadata.get(file_id)
    except RecordNotFound:
        return None
