"""Signed URLs of a store whose bytes the gateway serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from storage_adapters.blobs.signing import UrlSigner
from storage_adapters.ports.blob_capabilities import (
    SupportsPublicUrls,
    SupportsSignedUrls,
    UrlTerms,
    VerifiesSignedUrls,
)
from storage_adapters.records import Grant, SignedUrl


class ServesSignedUrls(SupportsSignedUrls, VerifiesSignedUrls, SupportsPublicUrls):
    """URLs that ``url_signer`` signs and verifies."""

    url_signer: UrlSigner

    def sign(self, method: str, key: str, **terms: Unpack[UrlTerms]) -> SignedUrl:
        """See ``SupportsSignedUrls``."""
        return self.url_signer.sign(method, key, **terms)

    def verify(self, method: str, key: str, params: Mapping[str, str], *, now: int) -> Grant:
        """See ``VerifiesSignedUrls``."""
        return self.url_signer.verify(method, key, params, now=now)

    def public_url(self, key: str) -> str:
        """See ``SupportsPublicUrls``."""
        return self.url_signer.public_url(key)
