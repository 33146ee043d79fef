"""``Content-Digest`` and ``Repr-Digest`` of requests and replies (RFC 9530). Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from files_service.gateway.replies import bad_field

FIELDS = ("Content-Digest", "Repr-Digest")
_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):")
_WANTED = {"Want-Content-Digest": "sha-256=10"}
_SHA256_BYTES = 32


def sha256_of(headers: Mapping[str, str]) -> str | None:
    """Return the SHA-256 of the body in hex, None without a digest. A body that is sent is the whole representation.

    Raises HTTPError for a digest that cannot be compared: a sender that gives one relies on its comparison.
    """
    found = {_read(name, headers[name]) for name in FIELDS if name in headers}
    if len(found) > 1:
        raise bad_field(FIELDS[1], f"Differs from {FIELDS[0]}.")
    return found.pop() if found else None


def repr_digest(sha256: str | None) -> dict[str, str]:
    """Return the header that tells the SHA-256 of a file to its sender; none where it is not known."""
    if sha256 is None:
        return {}
    return {"Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"}


def read_sha256(value: str) -> str | None:
    """Return the SHA-256 in hex in the value of a header, None without a valid one."""
    members = [_MEMBER.fullmatch(each.strip()) for each in value.split(",")]
    digests = {match[1]: match[2] for match in members if match is not None}
    if None in members or "sha-256" not in digests:
        return None
    try:
        digest = base64.b64decode(digests["sha-256"], validate=True)
    except binascii.Error:
        return None
    return digest.hex() if len(digest) == _SHA256_BYTES else None


def _read(name: str, value: str) -> str:
    digest = read_sha256(value)
    if digest is None:
        message = f"Must have a sha-256, of {_SHA256_BYTES} bytes in base 64 between colons."
        raise bad_field(name, message, headers=_WANTED)
    return digest
