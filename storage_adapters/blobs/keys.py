"""What a key looks like. No I/O."""

from __future__ import annotations

import re

from storage_adapters.errors import InvalidKey

_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}(?:/[A-Za-z0-9_-]{1,64}){0,7}")
# What ms-files called a part: <hash of owner>/<uuid>/<uuid>, and an extension or two.
_IMPORTED = re.compile(r"[0-9a-f]{32}/[0-9a-f-]{36}/[A-Za-z0-9_-]{1,64}(?:\.[A-Za-z0-9]{1,16}){1,3}")


def check_key(key: str) -> str:
    """Return the key when it is made of 1 to 8 segments of letters, digits, ``_`` and ``-``; else raise InvalidKey.

    There is no dot in a key, so that neither ``..`` nor the names a store gives to its own files can be spelled. Only
    an imported part's key may have extensions at its end.
    """
    if _KEY.fullmatch(key) is None and _IMPORTED.fullmatch(key) is None:
        raise InvalidKey(f"not a key: {key[:100]!r}")
    return key
