"""An archive: what it has of each file, and the layout of its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import orjson

from files_service.domain.archive_names import entry_names, folder_names
from files_service.domain.filenames import save_as
from files_service.domain.zip_layout import Entry, Layout
from files_service.errors import Gone
from storage_adapters import FileRecord, Part

# Parts that are made of others; they are in no archive unless a file consists of them.
DERIVED = frozenset(("thumbnail", "preview", "poster", "hover"))


class Item(NamedTuple):
    """A part in an archive: its bytes are those of ``content``, a checksum or the name of the stored bytes.

    An empty folder has no file, no bytes, and a name with "/" at its end.
    """

    file_id: str
    part_id: str
    content: str
    name: str
    size: int
    modified_at: int
    crc32: int | None

    @property
    def entry(self) -> Entry:
        """The entry of the archive."""
        return Entry(name=self.name, size=self.size, modified_at=self.modified_at, crc32=self.crc32)


@dataclass(frozen=True)
class Archive:
    """Items in their order, under the name of the archive."""

    name: str
    items: Sequence[Item]

    @cached_property
    def layout(self) -> Layout:
        """The layout of the bytes."""
        return Layout([item.entry for item in self.items])

    @cached_property
    def tag(self) -> str:
        """An opaque tag that two archives have only if they are the same bytes."""
        return hashlib.sha256(orjson.dumps([tuple(item) for item in self.items])).hexdigest()

    @property
    def modified_at(self) -> int:
        """The time of the latest entry."""
        return max((item.modified_at for item in self.items), default=0)


def archive_of(
    records: Iterable[tuple[FileRecord, str]], name: str, folders: Mapping[str, int] = MappingProxyType({})
) -> Archive:
    """Make the archive of finished files, in their order, each in a folder; "" is none.

    ``folders`` are the paths of folders that were made, with the times; those without files become entries.
    """
    parts = [(record, folder, part) for record, folder in records for part in _chosen(record)]
    names = entry_names([f"{folder}/{save_as(record, part)}" for record, folder, part in parts], folders)
    items = [_item(record, part, found) for (record, _, part), found in zip(parts, names, strict=True)]
    empty = folder_names(folders, names)
    return Archive(name, [*items, *(Item("", "", "", each, 0, folders[path], 0) for each, path in empty.items())])


def part_of_item(record: FileRecord, item: Item, *, with_versions: bool = False) -> Part:
    """Return the part whose bytes are those of an item, that of a former version ``with_versions``.

    Raises Gone when the file has other bytes.
    """
    for part in record.stored_parts if with_versions else record.parts:
        if part.part_id == item.part_id and part.size == item.size and _content(part) == item.content:
            return part
    raise Gone("the file has changed since the archive was made", {"file_id": record.file_id})


def _chosen(record: FileRecord) -> list[Part]:
    return [part for part in record.parts if part is record.parts[0] or part.type not in DERIVED]


def _item(record: FileRecord, part: Part, name: str) -> Item:
    crc32 = int(part.crc32, 16) if part.crc32 is not None else None
    modified_at = record.uploaded_at or record.created_at
    return Item(record.file_id, part.part_id, _content(part), name, part.size, modified_at, crc32)


def _content(part: Part) -> str:
    return part.sha256 or part.generation or ""
