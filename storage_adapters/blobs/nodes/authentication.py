"""Signatures of requests between adapters, nodes and controllers. No I/O, no clock.

The signature is the HMAC-SHA256, in lower-case hex, of method, path with query, node id, SHA-256 of the body, length of
the body and expiry, joined by LF. Of one secret there are two keys: ``rw`` signs everything but what destroys, and
``delete`` what destroys, so that whoever has the first alone can remove nothing. The expiry is in milliseconds since
the epoch, at most five minutes away.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SIGNATURE = "X-Files-Node-Signature"
EXPIRES = "X-Files-Node-Expires"
CONTENT_HASH = "X-Files-Content-SHA256"
MINIMAL_SECRET_BYTES = 32
LIFETIME_MS = 240_000
LONGEST_MS = 300_000
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
# The node id in what is signed for a controller.
CONTROLLER = "controller"
_DECIMAL = re.compile(r"[1-9][0-9]{0,17}")
_HASH = re.compile(r"[0-9a-f]{64}")


class Unauthentic(Exception):
    """A request without a valid signature; the message contains no secret."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature covers."""

    method: str
    path: str
    node_id: str
    sha256: str = EMPTY_SHA256
    length: int = 0


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """The keys that are derived from the one secret of a cluster; "" in place of a key that its holder lacks."""

    rw: bytes = field(repr=False)
    delete: bytes = field(repr=False)

    @classmethod
    def derive(cls, secret: str) -> NodeKeys:
        """Derive both keys. Raises ValueError for a secret that is too short."""
        if len(secret.encode()) < MINIMAL_SECRET_BYTES:
            raise ValueError(f"the secret of the nodes needs at least {MINIMAL_SECRET_BYTES} bytes")
        return cls(*(_derived(secret, name) for name in (b"rw", b"delete")))

    def headers(self, request: SignedRequest, *, now: int, destroys: bool = False) -> dict[str, str]:
        """Return the headers by which a request is sent at ``now``."""
        expires = str(now + LIFETIME_MS)
        return {
            SIGNATURE: self._signature(request, expires, destroys=destroys),
            EXPIRES: expires,
            CONTENT_HASH: request.sha256,
        }

    def verify(self, request: SignedRequest, headers: Mapping[str, str], *, now: int, destroys: bool = False) -> None:
        """Return when the headers sign this request and are valid at ``now``. Raises Unauthentic."""
        expires = headers.get(EXPIRES, "")
        if _DECIMAL.fullmatch(expires) is None:
            raise Unauthentic("the request is not signed")
        given = headers.get(SIGNATURE, "").encode("utf-8", "replace")
        if not hmac.compare_digest(self._signature(request, expires, destroys=destroys).encode(), given):
            raise Unauthentic("the signature does not match this request")
        if not now <= int(expires) <= now + LONGEST_MS:
            raise Unauthentic("the signature has expired, or the clocks differ by minutes")

    def _signature(self, request: SignedRequest, expires: str, *, destroys: bool) -> str:
        fields = (request.method, request.path, request.node_id, request.sha256, str(request.length), expires)
        return hmac.digest(self.delete if destroys else self.rw, "\n".join(fields).encode(), "sha256").hex()


def content_hash(headers: Mapping[str, str]) -> str:
    """Return the hash of the body that the headers announce; that of no bytes when they announce none.

    Raises Unauthentic when it is no hash. The receiver compares it with that of what it received.
    """
    announced = headers.get(CONTENT_HASH, EMPTY_SHA256)
    if _HASH.fullmatch(announced) is None:
        raise Unauthentic("the hash of the body is no SHA-256 in hex")
    return announced


def _derived(secret: str, name: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"files-nodes-1/" + name).derive(secret.encode())
