"""Syntax of keys. No I/O."""

from __future__ import annotations

import re

from storage_adapters.errors import InvalidKey

_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}(?:/[A-Za-z0-9_-]{1,64}){0,7}")
# ms-files' keys of parts: <hash of owner>/<uuid>/<uuid>, with one or two extensions.
_IMPORTED = re.compile(r"[0-9a-f]{32}/[0-9a-f-]{36}/[A-Za-z0-9_-]{1,64}(?:\.[A-Za-z0-9]{1,16}){1,3}")


def check_key(key: str) -> str:
    """Return the key if it has 1 to 8 segments of letters, digits, ``_`` and ``-``; else raise InvalidKey.

    Keys contain no dots, so they can spell neither ``..`` nor a store's own file names. Only the key of an imported
    part may end in extensions.
    """
    if _KEY.fullmatch(key) is None and _IMPORTED.fullmatch(key) is None:
        raise InvalidKey(f"invalid key: {key[:100]!r}")
    return key


def check_range(offset: int, length: int | None) -> None:
    """Raise ValueError for a range that begins or ends before the first byte."""
    if offset < 0 or (length is not None and length < 0):
        raise ValueError("offset and length must not be negative")


def segments(key: str) -> tuple[str, ...]:
    """Return the segments of a key: blobs are listed in their order."""
    return tuple(key.split("/"))
