"""Keys by which documents are found: ids, digests and places. No I/O.

1. Servers order and compare text each in its own way (ICU calls some different texts equal). So nothing that a view
   emits as a key is a text of a caller: owners, tags and names are digests in hex, and what must sort is the hex of its
   UTF-8, whose order is that of its code points everywhere.
2. A number that must sort, or that may be greater than 2^53, is written as 16 hex digits of itself + 2^63.
3. A document's id is the file's id when that is of letters, digits, _ and -; else ``=`` and its UTF-8 in hex. That of
   one that is no file's is ``~``, the collection, ``:`` and the UTF-8 of its own id in hex.
"""

from __future__ import annotations

import functools
import hashlib
import re

from storage_adapters.query import Scope, SortValue

KEPT = "~"

_PLAIN_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,127}")
_OFFSET = 2**63
_DIGITS = 16

Place = tuple[int, str]


def document_id_of(file_id: str) -> str:
    """Return the id of a file's document."""
    return file_id if _PLAIN_ID.fullmatch(file_id) else "=" + hex_of(file_id)


def file_id_of(document_id: str) -> str:
    """Return the id of the file that the document describes."""
    return text_of(document_id[1:]) if document_id.startswith("=") else document_id


def kept_id_of(key: tuple[str, str]) -> str:
    """Return the id of the CouchDB document that keeps a document."""
    return f"{KEPT}{key[0]}:{hex_of(key[1])}"


def bearer_id_of(document_id: str) -> str:
    """Return the id of the file or document that the CouchDB document keeps."""
    kept = document_id.startswith(KEPT)
    return text_of(document_id.partition(":")[2]) if kept else file_id_of(document_id)


def hex_of(text: str) -> str:
    """Text in a form that sorts by code points."""
    return text.encode().hex()


def text_of(digits: str) -> str:
    """Return the text that hex digits stand for."""
    return bytes.fromhex(digits).decode()


@functools.lru_cache(maxsize=20_000)
def scope_digest(scope: Scope) -> str:
    """Return a short name of a scope, as it stands in every row; what is found is compared with the query anyway."""
    return _digest(8, *scope)


@functools.lru_cache(maxsize=20_000)
def owner_digest(owner: str) -> str:
    """Return an owner's name in the counters."""
    return _digest(16, owner)


def name_digest(kind: str, owner: str, name: str) -> str:
    """Return the digest of a name of an owner's file."""
    return _digest(20, kind, owner, name)


def place_of(value: SortValue) -> Place:
    """Return the place of a value of a sort field; a missing value is behind all others."""
    if value is None:
        return 1, ""
    if isinstance(value, str):
        return 0, hex_of(value)
    return 0, f"{min(max(value + _OFFSET, 0), 2 * _OFFSET - 1):0{_DIGITS}x}"


def value_at(place: Place, *, text: bool) -> SortValue:
    """Return the value that stands at a place."""
    missing, digits = place
    if missing:
        return None
    return text_of(digits) if text else int(digits, 16) - _OFFSET


def _digest(size: int, *parts: str) -> str:
    text = b"".join(b"%d:%b" % (len(part), part) for part in map(str.encode, parts))
    return hashlib.blake2b(text, digest_size=size).hexdigest()
