"""The picture of an open link for services that preview links: the first preview of its files, cut to one size.

Links that are protected or limited have none: such a service would show it to people who cannot open the link.
"""

from __future__ import annotations

from collections.abc import Iterable

from files_service.core import Core
from files_service.domain.derived import COVER, POSTER, find_preview
from files_service.domain.editing import is_finished
from files_service.errors import NotFound
from files_service.services import content
from files_service.services.media.extractor import Limits, extract, is_installed
from files_service.services.shares.gate import Opened
from files_service.services.shares.items import file_of
from files_service.services.shares.share import Share
from storage_adapters import FileRecord, Part

# A preview is a small picture of our own making.
_LIMITS = Limits(wall_seconds=10)


def find_cover(share: Share, files: Iterable[FileRecord]) -> tuple[FileRecord, Part] | None:
    """Return the file and the preview of which the picture of a link is made, None for a link without one."""
    if share.password is not None or share.max_downloads is not None:
        return None
    for record in filter(is_finished, files):
        part = _preview_of(record)
        if part is not None:
            return record, part
    return None


def preview_for_cover(core: Core, opened: Opened, file_id: str, part_id: str) -> Part:
    """Return a preview that an open link shows. Raises NotFound, and Gone for a file that is gone from the link."""
    found = find_cover(opened.share, [file_of(core, opened.share, file_id)])
    if found is None or found[1].part_id != part_id:
        raise NotFound("the link has no such picture")
    return found[1]


def make_cover(core: Core, part: Part) -> bytes:
    """Cut a preview in a subprocess; one that cannot be opened there, or without the libraries, stays as it is."""
    data = b"".join(content.read(core, part))
    if not core.settings.media or not is_installed():
        return data

    def read(_: int, offset: int, length: int) -> bytes | None:
        return data[offset : offset + length]

    return extract(COVER, [len(data)], read, limits=_LIMITS).pictures.get(COVER, data)


def _preview_of(record: FileRecord) -> Part | None:
    return find_preview(record.derived, POSTER) or find_preview(record.derived, "thumbnail-1600")
