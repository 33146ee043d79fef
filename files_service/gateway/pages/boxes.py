"""The place of a picture or video on a page, known before its bytes are there."""

from __future__ import annotations

from storage_adapters import FileRecord

# The box of a picture whose size nobody knows.
UNKNOWN = (4, 3)


def box_of(record: FileRecord) -> tuple[int, int]:
    """Return the width and height of a picture or video, or those of a usual one."""
    media = record.media or {}
    width, height = media.get("width"), media.get("height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) and width and height else UNKNOWN
