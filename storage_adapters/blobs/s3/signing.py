"""Signed URLs by AWS Signature Version 4, in the query. No I/O but that of the credentials."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from storage_adapters.blobs.s3.location import Location

WEEK_SECONDS = 7 * 24 * 3600


class Secret(NamedTuple):
    """Credentials at one moment."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"Secret({self.access_key})"


class UrlSigner:
    """Signer of the URLs of one bucket. Thread-safe."""

    def __init__(self, location: Location, secret: Callable[[], Secret]) -> None:
        self._secret, self._region = secret, location.region
        endpoint = urlsplit(
            location.public_endpoint or location.endpoint or f"https://s3.{location.region}.amazonaws.com"
        )
        host = endpoint.netloc if location.path_style else f"{location.bucket}.{endpoint.netloc}"
        # The default port stands in no Host header.
        host = host.removesuffix(":443" if endpoint.scheme == "https" else ":80")
        self._host, self._base = host, f"{endpoint.scheme}://{host}"
        self._path = f"/{location.bucket}/" if location.path_style else "/"

    def address_of(self, name: str) -> str:
        """Return the URL of an object, without a signature."""
        return self._base + self._path + quote(name, safe="/-_.~")

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
        stamp = datetime.fromtimestamp(int(at), UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/{self._region}/s3/aws4_request"
        signed = {"host": self._host, **{key.lower(): " ".join(val.split()) for key, val in (headers or {}).items()}}
        names = ";".join(sorted(signed))
        parameters = {
            **(query or {}),
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
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
        path = self._path + quote(name, safe="/-_.~")
        canonical = "\n".join(
            (method, path, text, *(f"{key}:{signed[key]}" for key in sorted(signed)), "", names, "UNSIGNED-PAYLOAD")
        )
        request = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
        key = f"AWS4{secret.secret_key}".encode()
        for part in (*scope.split("/"), request):
            key = hmac.digest(key, part.encode(), "sha256")
        return f"{self._base}{path}?{text}&X-Amz-Signature={key.hex()}"


def attachment(filename: str) -> str:
    """Return the Content-Disposition (RFC 6266) that makes a browser save the bytes under a name."""
    plain = "".join(each if " " <= each <= "~" and each not in '"\\%' else "_" for each in filename)
    encoded = quote(filename.encode(errors="replace"), safe="!#$&+-.^_`|~")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
