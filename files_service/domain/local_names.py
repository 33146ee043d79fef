"""Names of files on disk: the media type that they tell, and their form as text."""

from __future__ import annotations

import mimetypes
import re

from files_service.domain.media_types import UNKNOWN_TYPE

LONGEST_NAME = 255
_COMPRESSED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
# Video of cameras and TypeScript: processing looks at the bytes of a file without a type.
_AMBIGUOUS = (".ts", ".mts")
_NO_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def type_of_name(name: str) -> str:
    """Return the type of the bytes of a file with this name: those of a compressed file are not those within."""
    if name.lower().endswith(_AMBIGUOUS):
        return UNKNOWN_TYPE
    kind, encoding = mimetypes.guess_type(name)
    return (_COMPRESSED.get(encoding) if encoding is not None else kind) or UNKNOWN_TYPE


def readable_name(name: str) -> str:
    """Return the name as text: bytes that are not UTF-8 become replacement characters."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def stored_name(path: str) -> str:
    """Return the name under which a file is kept: one line; of a long path the end, which says more than the rest."""
    name = _NO_LINE.sub("_", readable_name(path))[-LONGEST_NAME:]
    return name if name.strip() else "_"
