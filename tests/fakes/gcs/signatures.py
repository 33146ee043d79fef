"""Verifies V4 signed URLs, from the text of "V4 signing process" and "Canonical requests" of the documentation."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.fakes.gcs.errors import Refused, bad_request
from tests.fakes.gcs.messages import Request

WEEK = 604_800
SKEW = 900
_REQUIRED = (
    "X-Goog-Algorithm",
    "X-Goog-Credential",
    "X-Goog-Date",
    "X-Goog-Expires",
    "X-Goog-SignedHeaders",
    "X-Goog-Signature",
)


class Signatures:
    """Knows the secrets of HMAC keys and the public keys of service accounts."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.hmac_keys: dict[str, str] = {}
        self.public_keys: dict[str, RSAPublicKey] = {}
        self._clock = clock

    def is_signed(self, request: Request) -> bool:
        """Whether the request claims a signature."""
        return any(name.startswith("X-Goog-") for name, _ in request.query)

    def verify(self, request: Request) -> None:
        """Refuse the request unless its signature is right, in time, and covers what it has to."""
        names = [name for name, _ in request.query]
        if len(set(names)) != len(names):
            raise bad_request("Duplicate query parameter.")
        query = dict(request.query)
        for name in _REQUIRED:
            if name not in query:
                raise bad_request(f"The {name} query parameter is missing.", code="AuthorizationQueryParametersError")
        stamp = self._check_time(query["X-Goog-Date"], query["X-Goog-Expires"])
        access_id, _, scope = query["X-Goog-Credential"].partition("/")
        # The access id of a service account is its e-mail address; neither kind has a slash.
        match = re.fullmatch(r"(\d{8})/([a-z0-9-]+)/storage/goog4_request", scope)
        if match is None or match[1] != stamp[:8]:
            raise bad_request("The credential scope does not fit.", code="AuthorizationQueryParametersError")
        signed = query["X-Goog-SignedHeaders"].split(";")
        _check_headers(request, signed)
        algorithm = query["X-Goog-Algorithm"]
        # The conformance vectors leave the port out; Google's library for Python signs it.
        for without_port in (True, False):
            canonical = canonical_request(request, signed, without_port=without_port)
            text = f"{algorithm}\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}".encode()
            if self._matches(algorithm, access_id, scope, text, query["X-Goog-Signature"]):
                return
        raise Refused(403, "SignatureDoesNotMatch", "Access denied.\n" + canonical, reason="signatureDoesNotMatch")

    def _check_time(self, stamp: str, expires: str) -> str:
        try:
            signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
            seconds = int(expires)
        except ValueError:
            raise bad_request("Date or expiration is malformed.", code="AuthorizationQueryParametersError") from None
        if not 0 < seconds <= WEEK:
            raise bad_request("X-Goog-Expires must be less than a week.", code="AuthorizationQueryParametersError")
        now = self._clock()
        if signed_at > now + SKEW:
            raise Refused(403, "AccessDenied", "Request is not yet valid.")
        if now >= signed_at + seconds:
            raise bad_request("The provided token has expired.", code="ExpiredToken")
        return stamp

    def _matches(self, algorithm: str, access_id: str, scope: str, text: bytes, signature: str) -> bool:
        if re.fullmatch(r"(?:[0-9a-f]{2})+", signature) is None:
            return False
        given = bytes.fromhex(signature)
        if algorithm == "GOOG4-HMAC-SHA256":
            secret = self.hmac_keys.get(access_id)
            if secret is None:
                raise Refused(403, "InvalidAccessKeyId", "The access id does not exist.")
            key = b"GOOG4" + secret.encode()
            for step in scope.split("/"):
                key = hmac.new(key, step.encode(), hashlib.sha256).digest()
            return hmac.compare_digest(hmac.new(key, text, hashlib.sha256).digest(), given)
        if algorithm == "GOOG4-RSA-SHA256":
            public_key = self.public_keys.get(access_id)
            if public_key is None:
                raise Refused(403, "InvalidAccessKeyId", "The service account does not exist.")
            try:
                public_key.verify(given, text, PKCS1v15(), hashes.SHA256())
            except InvalidSignature:
                return False
            return True
        raise bad_request(f"Unknown algorithm {algorithm}.", code="AuthorizationQueryParametersError")


def _check_headers(request: Request, signed: list[str]) -> None:
    if signed != sorted({name.lower() for name in signed}) or "host" not in signed:
        raise bad_request("The signed headers are malformed.", code="AuthorizationQueryParametersError")
    for name in {name.lower() for name in request.headers}:
        if name.startswith(("x-goog-", "x-amz-")) and name not in signed:
            raise Refused(403, "AccessDenied", f"The header {name} was sent, but is not signed.")
    for name in signed:
        if request.header(name) is None:
            raise bad_request(f"The signed header {name} was not sent.", code="MissingSecurityHeader")
    prefixes = {name[:6] for name in map(str.lower, request.headers) if name.startswith(("x-goog", "x-amz-"))}
    if len(prefixes) > 1:
        raise bad_request("Both x-goog- and x-amz- headers.", code="ExcessHeaderValues")


def canonical_request(request: Request, signed: list[str], *, without_port: bool = True) -> str:
    """The text whose hash is signed."""
    pairs = [(_encode(name), _encode(value)) for name, value in request.query if name != "X-Goog-Signature"]
    headers: Mapping[str, str] = {
        name: ",".join(re.sub(r"[ \t]+", " ", value.strip()) for value in request.headers.get_all(name, []))
        for name in signed
    }
    if without_port:
        headers = {**headers, "host": headers["host"].partition(":")[0]}
    return "\n".join(
        [
            request.method,
            request.path,
            "&".join(f"{name}={value}" for name, value in sorted(pairs)),
            *(f"{name}:{headers[name]}" for name in signed),
            "",
            ";".join(signed),
            request.header("x-goog-content-sha256") or "UNSIGNED-PAYLOAD",
        ]
    )


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")
