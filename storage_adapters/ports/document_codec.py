"""Canonical text, digest and limits of a document."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import orjson

from storage_adapters.errors import InvalidDocument
from storage_adapters.ports.documents import Document, DocumentKey
from storage_adapters.records import JSON

ID_BYTES = 256
TEXT_BYTES = 512  # of a name
ORDER_BYTES = 1_280
MOST_NAMES = 16
BODY_BYTES = 512 * 1024

_COLLECTION = re.compile(r"[a-z][a-z0-9_]{0,62}")
_STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS


def check_document(document: Document) -> Document:
    """Return the document as it will be stored. Raises InvalidDocument for what exceeds a limit."""
    _check_key(document.collection, document.document_id)
    if len(document.names) > MOST_NAMES or len(set(document.names)) < len(document.names):
        raise InvalidDocument(f"a document has at most {MOST_NAMES} names, each once")
    for name in document.names:
        _check_text("name", name, 1, TEXT_BYTES)
    _check_text("order key", document.order, 0, ORDER_BYTES)
    try:
        if len(orjson.dumps(dict(document.body), option=_STRICT)) > BODY_BYTES:
            raise InvalidDocument(f"a body is at most {BODY_BYTES} bytes of JSON")
        return document_from_text(document_to_text(document))
    except TypeError as error:
        raise InvalidDocument(f"a body is a JSON object: {error}") from error


def document_to_text(document: Document) -> bytes:
    """Encode a document canonically, without what is at its default: equal documents are equal bytes."""
    value = dict(document.unknown) | {
        name: given for name in _FIELDS if (given := getattr(document, name)) != _DEFAULTS.get(name, _REQUIRED)
    }
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | _STRICT)


def document_from_text(text: bytes | str) -> Document:
    """Decode what ``document_to_text`` made."""
    value: JSON = orjson.loads(text)
    known = {name: value.pop(name) for name in _FIELDS if name in value}
    known["names"] = tuple(known.get("names", ()))
    return Document(**known, unknown=value)


def document_bucket(key: DocumentKey) -> int:
    """Return the parity bucket of a document."""
    return hashlib.blake2b("\0".join(key).encode(), digest_size=1).digest()[0]


def document_halves(text: bytes) -> tuple[int, int]:
    """Return the 64-bit hash of a document's canonical text as two 32-bit halves."""
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:], "big")


def is_key(collection: str, document_id: str) -> bool:
    """Return True when a document may have this key."""
    try:
        _check_key(collection, document_id)
    except InvalidDocument:
        return False
    return True


def _check_key(collection: str, document_id: str) -> None:
    if not _COLLECTION.fullmatch(collection):
        raise InvalidDocument("a collection is up to 63 of a-z, 0-9 and _, with a letter first")
    _check_text("id", document_id, 1, ID_BYTES)


def _check_text(what: str, text: str, least: int, most: int) -> None:
    try:
        length = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidDocument(f"the {what} of a document is not Unicode text") from error
    if not least <= length <= most:
        raise InvalidDocument(f"the {what} of a document is {least} to {most} bytes of UTF-8")


_FIELDS = ("collection", "document_id", "body", "order", "names", "expires_at", "updated_at", "revision", "deleted")
_REQUIRED = object()
_DEFAULTS: dict[str, Any] = {"body": {}, "order": "", "names": (), "expires_at": None, "deleted": False}
