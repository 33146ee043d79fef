"""The headers of tus 1.0.0 in requests and replies. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from files_service.errors import Conflict, PartMismatch, UnsupportedType
from files_service.gateway.query import json_object
from files_service.gateway.replies import HTTPError, bad_field
from files_service.gateway.transfer.digests import sha256_of
from storage_adapters import JSON

VERSION = "1.0.0"
EXTENSIONS = (
    "creation,creation-with-upload,creation-defer-length,checksum,termination,concatenation,"
    "concatenation-unfinished,expiration"
)
ALGORITHMS = ("sha1", "md5", "sha256", "sha512")
CONTENT_TYPE = "application/offset+octet-stream"
PATH = "/tus/"
CHECKSUM_MISMATCH = 460
MAX_PARTIALS = 1_000
_MAX = 2**53 - 1
_NUMBER = re.compile(r"[0-9]{1,16}")
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]+")


@dataclass(frozen=True, slots=True)
class Concatenation:
    """The value of ``Upload-Concat``: a partial upload, or a final one of the uploads with these ids."""

    partial: bool
    upload_ids: tuple[str, ...] = ()


def require_version(headers: Mapping[str, str]) -> None:
    """Raise HTTPError with 412 for a client of another version."""
    if headers.get("Tus-Resumable") != VERSION:
        raise bad_field("Tus-Resumable", f"Send {VERSION}.", 412, {"Tus-Version": VERSION})


def require_content_type(headers: Mapping[str, str]) -> None:
    """Raise HTTPError with 415 for a body of another content type."""
    if headers.get("Content-Type", "").strip().lower() != CONTENT_TYPE:
        message = f"Send {CONTENT_TYPE}."
        raise HTTPError(UnsupportedType(message, {"fields": {"Content-Type": [message]}}))


def number(headers: Mapping[str, str], name: str) -> int | None:
    """Return a header that is a number of bytes, None when it is absent. Raises HTTPError."""
    value = headers.get(name)
    if value is None:
        return None
    if _NUMBER.fullmatch(value.strip()) is None or int(value) > _MAX:
        raise bad_field(name, "Must be a number of bytes.")
    return int(value)


def length_of(headers: Mapping[str, str]) -> int | None:
    """Return the length of a new upload, None when it is deferred. Raises HTTPError."""
    length, deferred = number(headers, "Upload-Length"), headers.get("Upload-Defer-Length")
    if deferred is not None and (deferred != "1" or length is not None):
        raise bad_field("Upload-Defer-Length", "Must be 1, without Upload-Length.")
    if deferred is None and length is None:
        raise bad_field("Upload-Length", "Send it, or Upload-Defer-Length: 1.")
    return length


def name_of(said: Mapping[str, str]) -> str:
    """Return the name of the file in the metadata of an upload."""
    return said.get("filename") or said.get("name") or "file"


def type_of(said: Mapping[str, str]) -> str | None:
    """Return the content type of the file in the metadata of an upload, None without one."""
    return said.get("filetype") or said.get("type") or None


def meta_of(said: Mapping[str, str]) -> JSON:
    """Return the meta of the file in the metadata of an upload, empty without one. Raises HTTPError."""
    meta = json_object(said.get("meta", ""))
    if meta is None:
        raise bad_field("Upload-Metadata", "meta: not a JSON object.")
    return meta


def offset_of(headers: Mapping[str, str]) -> int:
    """Return the offset at which bytes begin. Raises HTTPError."""
    offset = number(headers, "Upload-Offset")
    if offset is None:
        raise bad_field("Upload-Offset", "Send it.")
    return offset


def elsewhere(offset: int) -> HTTPError:
    """Make the error for bytes that begin at another place than the offset of the upload."""
    return HTTPError(Conflict(f"the upload is at {offset}", {"field": "Upload-Offset", "offset": offset}))


def is_elsewhere(error: BaseException) -> bool:
    """Return True for the error of ``elsewhere``."""
    return isinstance(error, HTTPError) and isinstance(error.error, Conflict) and "offset" in error.error.details


def metadata_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the pairs of ``Upload-Metadata``. Raises HTTPError."""
    found: dict[str, str] = {}
    for pair in headers.get("Upload-Metadata", "").split(","):
        key, _, value = pair.strip().partition(" ")
        if not key and not value:
            continue
        if _KEY.fullmatch(key) is None or key in found:
            raise bad_field("Upload-Metadata", "Must be pairs of a key, given once, and a value in base 64.")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode()
        except UnicodeDecodeError:
            raise bad_field("Upload-Metadata", f"{key}: not UTF-8.") from None
        except ValueError:
            raise bad_field("Upload-Metadata", f"{key}: not base 64 (RFC 4648, section 4, with padding).") from None
    return found


def concatenation_of(headers: Mapping[str, str], prefix: str) -> Concatenation | None:
    """Return the value of ``Upload-Concat``. Raises HTTPError, also for addresses of other servers."""
    value = headers.get("Upload-Concat")
    if value is None:
        return None
    if value == "partial":
        return Concatenation(partial=True)
    kind, _, rest = value.partition(";")
    addresses = rest.split()
    if kind != "final" or not 1 <= len(addresses) <= MAX_PARTIALS:
        raise bad_field("Upload-Concat", f"Must be partial, or final; with 1 to {MAX_PARTIALS} addresses.")
    ids = []
    for address in addresses:
        path = _path_of(address)
        name = path.rpartition("/")[2]
        if path not in (PATH + name, prefix + PATH + name) or not name:
            raise bad_field("Upload-Concat", "An address is not that of an upload here.")
        ids.append(name)
    return Concatenation(partial=False, upload_ids=tuple(ids))


def _path_of(address: str) -> str:
    """Return the path of an address, "" for text that is none."""
    try:
        return urlsplit(address).path
    except ValueError:
        return ""


class Checksum:
    """The value of ``Upload-Checksum``, and the hash of the body to compare with it."""

    def __init__(self, value: str) -> None:
        name, _, encoded = value.strip().partition(" ")
        if name not in ALGORITHMS:
            raise bad_field("Upload-Checksum", f"Known are {', '.join(ALGORITHMS)}.")
        try:
            self._wanted = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise bad_field("Upload-Checksum", "Not base 64.") from None
        self.hash: Any = hashlib.new(name, usedforsecurity=False)
        if len(self._wanted) != self.hash.digest_size:
            # No bytes have it.
            details = {"field": name, "declared": self._wanted.hex()}
            raise HTTPError(PartMismatch(f"a {name} has {self.hash.digest_size} bytes", details), CHECKSUM_MISMATCH)
        self._name = name

    def is_of_others(self, sha256: str | None) -> bool:
        """Return True when the bytes of this hash certainly have another checksum."""
        return sha256 is not None and self._name == "sha256" and self._wanted.hex() != sha256

    def compare(self) -> None:
        """Raise HTTPError with 460 for bytes of another checksum."""
        actual = self.hash.digest()
        if not hmac.compare_digest(actual, self._wanted):
            details = {"field": self._name, "declared": self._wanted.hex(), "actual": actual.hex()}
            raise HTTPError(PartMismatch("the bytes have another checksum", details), CHECKSUM_MISMATCH)


def checksum_of(headers: Mapping[str, str]) -> Checksum | None:
    """Return the checksum of the body by the header of tus, or by a digest. Raises HTTPError."""
    digest = sha256_of(headers)
    if "Upload-Checksum" in headers:
        return Checksum(headers["Upload-Checksum"])
    return Checksum(f"sha256 {base64.b64encode(bytes.fromhex(digest)).decode()}") if digest else None


def expires(at: int) -> str:
    """Return a time in the form of ``Upload-Expires``."""
    return formatdate(at / 1000, usegmt=True)
