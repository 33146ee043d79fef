"""``Content-Digest`` and ``Repr-Digest`` of requests (RFC 9530). Pure."""

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
    return found.pop().hex() if found else None


def _read(name: str, value: str) -> bytes:
    members = [_MEMBER.fullmatch(each.strip()) for each in value.split(",")]
    digests = {match[1]: match[2] for match in members if match is not None}
    if None in members or "sha-256" not in digests:
        raise bad_field(name, "Must have a sha-256 in base 64 between colons.", headers=_WANTED)
    try:
        digest = base64.b64decode(digests["sha-256"], validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != _SHA256_BYTES:
        raise bad_field(name, f"A sha-256 has {_SHA256_BYTES} bytes.", headers=_WANTED)
    return digest
