"""The page of a share: its files with their previews, and what the link allows, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from files_service.core import Core
from files_service.domain.derived import POSTER, find_preview
from files_service.domain.editing import is_finished
from files_service.domain.filenames import save_as
from files_service.domain.shares import DERIVATIVES
from files_service.domain.sizes import shown_size
from files_service.gateway.pages.boxes import box_of
from files_service.gateway.pages.rendering import MAX_THUMBNAIL_BYTES
from files_service.gateway.pages.shared.seen import Seen
from files_service.gateway.transfer.disposition import preview_of
from files_service.services.shares.gate import Opened
from files_service.services.shares.share import Share
from storage_adapters import JSON, FileRecord, Part

_PLAYED = ("video", "audio")
_VISUAL = ("image/", "video/")
# Larger files are sent by few: nobody needs to read of the limit before.
_LARGE_FILE = 50 * 10**9


@dataclass(frozen=True, slots=True)
class Row:
    """A file on the page: its parts with their names, and the parts that show it, "" for its content, None for none."""

    record: FileRecord
    parts: Sequence[tuple[Part, str]]
    is_finished: bool
    preview: str
    preview_part: str
    small: str | None
    poster: str | None
    is_played: bool
    box: tuple[int, int]
    metadata: JSON

    @property
    def is_visual(self) -> bool:
        """Presence of a small picture of a picture or video: the file belongs into a gallery."""
        return self.is_finished and self.small is not None and self.record.content_type.startswith(_VISUAL)


def values_of(seen: Seen, core: Core) -> dict[str, Any]:
    """Return what the template of the page needs of a share."""
    opened, share = seen.opened, seen.opened.share
    files = [_row(record, opened) for record in seen.files]
    visual = [each for each in files if each.is_visual]
    is_gallery = len(visual) > 1 and 2 * len(visual) >= len(files)
    ready = [each for each in files if each.is_finished]
    return {
        "kind": share.kind.value,
        "takes_files": share.kind.takes_files,
        "require_name": share.require_name,
        "uploads": seen.uploads,
        "crumbs": [(name, place.query()) for name, place in seen.place.crumbs],
        "folders": [(name, seen.place.inside(name).query()) for name in (seen.folder.folders if seen.folder else ())],
        "following": seen.following.query() if seen.following is not None else "",
        "is_folder": seen.folder is not None,
        "is_top": not seen.place.below,
        "key": share.key,
        "title": share.title,
        "message": share.message,
        "files": files,
        "single": files[0] if len(files) == 1 and seen.folder is None else None,
        "gallery": visual if is_gallery else [],
        "is_all_visual": is_gallery and len(visual) == len(files),
        "total": seen.total if seen.folder is not None else (len(ready), sum(each.record.size for each in ready)),
        "allow_download": share.allow_download,
        "counted": opened.granted,
        "is_limited": share.max_downloads is not None,
        "left": _left(opened),
        "expires_at": share.expires_at,
        "limits": _limits(share, core) if share.kind.takes_files else (),
        "checks": _checks(share, core) if share.kind.takes_files else {},
    }


def _left(opened: Opened) -> int | None:
    """Return the number of downloads that are left, None where nobody counts, or for whom they are counted already."""
    most = opened.share.max_downloads
    return max(0, most - opened.share.used) if most is not None and not opened.granted else None


def _limits(share: Share, core: Core) -> list[str]:
    """Return the limits of a link that takes files, as sentences."""
    said = []
    if share.max_files is not None:
        said.append(f"At most {share.max_files:,} file{'s' if share.max_files != 1 else ''} in all.")
    if share.max_bytes is not None:
        said.append(f"At most {shown_size(share.max_bytes)} in all.")
    if share.max_files_per_address is not None:
        said.append(f"At most {share.max_files_per_address:,} a day from one place.")
    if (largest := _largest(core)) < _LARGE_FILE:
        said.append(f"Each file up to {shown_size(largest)}.")
    if core.settings.allowed_content_types:
        said.append(f"Accepted: {', '.join(core.settings.allowed_content_types)}.")
    return said


def _checks(share: Share, core: Core) -> dict[str, int]:
    """Return the limits that the script of the page checks before anything is sent."""
    found = {"files": share.max_files, "bytes": share.max_bytes, "each": _largest(core)}
    return {name: value for name, value in found.items() if value is not None}


def _largest(core: Core) -> int:
    return min(core.settings.max_part_bytes, core.settings.max_file_bytes)


def _row(record: FileRecord, opened: Opened) -> Row:
    whole = preview_of(record.content_type) if opened.may_read else ""
    made = next((each for each in record.parts if each.type in DERIVATIVES and preview_of(each.content_type)), None)
    if made is None and whole not in _PLAYED:
        made = find_preview(record.derived, "thumbnail-1600")
    poster = find_preview(record.derived, POSTER)
    return Row(
        record=record,
        parts=[(part, save_as(record, part)) for part in _content_of(record)],
        is_finished=is_finished(record),
        preview=preview_of(made.content_type) if made is not None else whole,
        preview_part=made.part_id if made is not None else "",
        small=_small(record, made, whole),
        poster=poster.part_id if poster is not None else None,
        is_played=made is None and whole in _PLAYED,
        box=box_of(record),
        metadata=metadata_of(record, opened.share),
    )


def _small(record: FileRecord, made: Part | None, whole: str) -> str | None:
    """Return the part that is the picture of a row or tile, "" for the file itself, None without one."""
    found = find_preview(record.derived, "thumbnail-512") or made
    if found is not None:
        return found.part_id
    return "" if whole == "image" and record.size <= MAX_THUMBNAIL_BYTES else None


def _content_of(record: FileRecord) -> Sequence[Part]:
    """Return the parts that visitors download: not those that were made of them."""
    return [part for part in record.parts if part.type not in DERIVATIVES] or record.parts


def metadata_of(record: FileRecord, share: Share) -> JSON:
    """Return what visitors may know of a file beyond its name and size."""
    if not share.show_metadata:
        return {}
    return {
        "description": record.meta.get("description") or "",
        "tags": list(record.tags),
        "uploaded_at": record.uploaded_at,
    }
