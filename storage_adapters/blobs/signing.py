"""Signed URLs of stores whose bytes the gateway serves. No I/O, no clock.

A signed URL is ``{public_url}/blobs/{key}?method=…&expires=…[&content_type=…&size=…][&filename=…][&epoch=…]
&signature=…`` in one line. The
signature is the HMAC-SHA256, in lower-case hex, of the canonical text, version 1::

    "files-signed-url-1" LF method LF key LF expires LF content_type LF size LF filename LF

where each value is written as its length in UTF-8 bytes, a colon and the bytes, and a missing value as "-"; so no two
requests have the same text. ``expires`` is in milliseconds since the epoch, in plain decimal like ``size``. A new
scheme changes the first line: a signature of one version is invalid in another. Version 2 ends with LF epoch; it signs
URLs of an epoch from 1 on, and a URL without one, of version 1, has the epoch 0.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote

from storage_adapters.blobs.keys import check_key
from storage_adapters.errors import InvalidKey, InvalidSignature
from storage_adapters.records import Grant, SignedUrl

MINIMAL_KEY_BYTES = 32
_VERSION = b"files-signed-url-1\n"
_VERSION_WITH_EPOCH = b"files-signed-url-2\n"
_ADMITS = {"PUT": frozenset({"PUT"}), "GET": frozenset({"GET", "HEAD"}), "HEAD": frozenset({"HEAD"})}
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,17}")
_CONTENT_TYPE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
_REQUIRED = {
    "PUT": frozenset({"method", "expires", "content_type", "size", "signature"}),
    "GET": frozenset({"method", "expires", "signature"}),
    "HEAD": frozenset({"method", "expires", "signature"}),
}
_OPTIONAL = {"PUT": frozenset[str](), "GET": frozenset({"filename", "epoch"}), "HEAD": frozenset({"filename", "epoch"})}


def check_terms(method: str, content_type: str | None, size: int | None, filename: str | None, epoch: int) -> None:
    """Raise ValueError for terms that ``SupportsSignedUrls.sign`` does not accept together."""
    if method not in _ADMITS:
        raise ValueError(f"cannot sign {method}: only {', '.join(_ADMITS)}")
    if method != "PUT" and (content_type is not None or size is not None):
        raise ValueError(f"a {method} accepts no content type and no size")
    if method == "PUT" and (content_type is None or size is None or filename is not None or epoch):
        raise ValueError("a PUT needs a content type and a size, and accepts nothing else")


class UrlSigner:
    """Signing and verification with one secret key; ``public_url`` is the base URL of the gateway."""

    def __init__(self, signing_key: bytes, public_url: str) -> None:
        if len(signing_key) < MINIMAL_KEY_BYTES:
            raise ValueError(f"the signing key has {len(signing_key)} bytes; it needs at least {MINIMAL_KEY_BYTES}")
        self._signing_key = signing_key
        self._base = f"{public_url.rstrip('/')}/blobs/"

    def public_url(self, key: str) -> str:
        """Return the unsigned URL of the key."""
        return self._base + check_key(key)

    def sign(
        self,
        method: str,
        key: str,
        *,
        expires_at: int,
        content_type: str | None = None,
        size: int | None = None,
        filename: str | None = None,
        epoch: int = 0,
    ) -> SignedUrl:
        """Make the URL and headers of one request. Raises InvalidKey, and ValueError for invalid arguments."""
        check_key(key)
        check_terms(method, content_type, size, filename, epoch)
        values = {"method": method, "expires": str(expires_at)}
        headers = {}
        if content_type is not None:
            if _CONTENT_TYPE.fullmatch(content_type) is None:
                raise ValueError("the content type cannot be sent as a header")
            values |= {"content_type": content_type, "size": str(size)}
            headers = {"Content-Type": content_type, "Content-Length": values["size"]}
        if filename is not None:
            values["filename"] = filename
        if epoch:
            values["epoch"] = str(epoch)
        for number in ("expires", "size", "epoch"):
            if number in values and _DECIMAL.fullmatch(values[number]) is None:
                raise ValueError(f"{number} is out of range")
        query = "&".join([f"{name}={quote(value, safe='')}" for name, value in values.items()])
        url = f"{self._base}{key}?{query}&signature={self._signature(key, values)}"
        return SignedUrl(method=method, url=url, headers=headers, expires_at=expires_at, protocol=method.lower())

    def verify(self, method: str, key: str, params: Mapping[str, str], *, now: int) -> Grant:
        """Return the grant of a request's query parameters at the time ``now``. Raises InvalidSignature."""
        # A multi-dictionary yields a repeated name once per occurrence; the signature would not cover all of them.
        names = [name for name, _ in params.items()]
        signed_method = params.get("method", "")
        required = _REQUIRED.get(signed_method)
        if required is None or len(set(names)) != len(names):
            raise InvalidSignature("not a signed URL")
        if not required <= set(names) <= required | _OPTIONAL[signed_method]:
            raise InvalidSignature("not a signed URL")
        try:
            check_key(key)
            expected = self._signature(key, params)
            given = params["signature"].encode()
        except (InvalidKey, UnicodeEncodeError):
            raise InvalidSignature("the signature does not match this URL") from None
        if not hmac.compare_digest(expected.encode(), given):
            raise InvalidSignature("the signature does not match this URL")
        if method not in _ADMITS[signed_method]:
            raise InvalidSignature(f"the URL was signed for {signed_method}")
        expires_at = int(params["expires"])
        if now >= expires_at:
            raise InvalidSignature("the URL has expired")
        return Grant(
            method=signed_method,
            key=key,
            content_type=params.get("content_type"),
            size=int(params["size"]) if "size" in params else None,
            filename=params.get("filename"),
            epoch=int(params.get("epoch", "0")),
            expires_at=expires_at,
        )

    def _signature(self, key: str, values: Mapping[str, str]) -> str:
        signed = [values["method"], key, values["expires"], *map(values.get, ("content_type", "size", "filename"))]
        text = bytearray(_VERSION_WITH_EPOCH if "epoch" in values else _VERSION)
        for value in [*signed, values["epoch"]] if "epoch" in values else signed:
            encoded = None if value is None else value.encode()
            text += b"-\n" if encoded is None else b"%d:%b\n" % (len(encoded), encoded)
        return hmac.digest(self._signing_key, bytes(text), "sha256").hex()
