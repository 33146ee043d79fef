"""AWS Signature Version 4: URLs signed in the query, and requests signed by headers. No I/O but for credentials."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from storage_adapters.blobs.bucket_store import WEEK_SECONDS
from storage_adapters.blobs.s3.location import Location

_ALGORITHM = "AWS4-HMAC-SHA256"
_EMPTY = hashlib.sha256(b"").hexdigest()


class Secret(NamedTuple):
    """Credentials at one moment."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"Secret({self.access_key})"


class Signer:
    """Signer of requests to one bucket at an endpoint, by default that of AWS. Thread-safe."""

    def __init__(self, location: Location, secret: Callable[[], Secret], *, at: str) -> None:
        self._secret, self._region = secret, location.region
        endpoint = urlsplit(at or f"https://s3.{location.region}.amazonaws.com")
        host = endpoint.netloc if location.path_style else f"{location.bucket}.{endpoint.netloc}"
        # The default port stands in no Host header.
        host = host.removesuffix(":443" if endpoint.scheme == "https" else ":80")
        self._host, self._base = host, f"{endpoint.scheme}://{host}"
        self._path = f"/{location.bucket}/" if location.path_style else "/"

    def address_of(self, name: str) -> str:
        """Return the URL of an object, without a signature."""
        return self._base + self._path_of(name)

    def _path_of(self, name: str) -> str:
        return self._path + quote(name, safe="/-_.~")

    def _signature(self, secret: Secret, stamp: str, scope: str, canonical: Sequence[str]) -> str:
        digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
        key = f"AWS4{secret.secret_key}".encode()
        for part in (*scope.split("/"), "\n".join((_ALGORITHM, stamp, scope, digest))):
            key = hmac.digest(key, part.encode(), "sha256")
        return key.hex()

    def _scope(self, at: float) -> tuple[str, str]:
        stamp = datetime.fromtimestamp(int(at), UTC).strftime("%Y%m%dT%H%M%SZ")
        return stamp, f"{stamp[:8]}/{self._region}/s3/aws4_request"


class RequestSigner(Signer):
    """Signer by headers, of requests without a body and a query that the service itself sends."""

    def __init__(self, location: Location, secret: Callable[[], Secret]) -> None:
        super().__init__(location, secret, at=location.endpoint)

    def sign(self, method: str, name: str, *, at: float) -> tuple[str, dict[str, str]]:
        """Return the URL of an object, and the headers of one request to it."""
        secret = self._secret()
        stamp, scope = self._scope(at)
        headers = {"host": self._host, "x-amz-content-sha256": _EMPTY, "x-amz-date": stamp}
        if secret.token:
            headers["x-amz-security-token"] = secret.token
        names = ";".join(headers)
        path = self._path_of(name)
        lines = (f"{key}:{value}" for key, value in headers.items())
        signature = self._signature(secret, stamp, scope, (method, path, "", *lines, "", names, _EMPTY))
        credential = f"{secret.access_key}/{scope}"
        headers["authorization"] = f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
        return self._base + path, headers


class UrlSigner(Signer):
    """Signer by the query, of URLs that clients use."""

    def __init__(self, location: Location, secret: Callable[[], Secret]) -> None:
        super().__init__(location, secret, at=location.public_endpoint or location.endpoint)

    def sign(
        self,
        method: str,
        name: str,
        *,
        at: float,
        seconds: int,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> str:
        """Return a URL for one request with these headers, from the time ``at`` on."""
        secret = self._secret()
        stamp, scope = self._scope(at)
        signed = {"host": self._host, **{key.lower(): " ".join(val.split()) for key, val in (headers or {}).items()}}
        names = ";".join(sorted(signed))
        parameters = {
            **(query or {}),
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{secret.access_key}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(max(1, min(WEEK_SECONDS, seconds))),
            "X-Amz-SignedHeaders": names,
        }
        if secret.token:
            parameters["X-Amz-Security-Token"] = secret.token
        text = "&".join(
            f"{quote(key, safe='-_.~')}={quote(parameters[key], safe='-_.~')}" for key in sorted(parameters)
        )
        path = self._path_of(name)
        lines = (f"{key}:{signed[key]}" for key in sorted(signed))
        signature = self._signature(secret, stamp, scope, (method, path, text, *lines, "", names, "UNSIGNED-PAYLOAD"))
        return f"{self._base}{path}?{text}&X-Amz-Signature={signature}"
