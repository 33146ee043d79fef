"""Capabilities that an adapter over other stores passes on to one of them: URLs that the gateway serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from storage_adapters.ports.blob_capabilities import (
    SupportsPublicUrls,
    SupportsSignedUrls,
    UrlTerms,
    VerifiesSignedUrls,
)
from storage_adapters.ports.blobs import BlobStore
from storage_adapters.records import Grant, SignedUrl


class ForwardsSignedUrls(SupportsSignedUrls):
    """Signed URLs of ``url_store``."""

    url_store: BlobStore

    def sign(self, method: str, key: str, **terms: Unpack[UrlTerms]) -> SignedUrl:
        """See ``SupportsSignedUrls``."""
        assert isinstance(self.url_store, SupportsSignedUrls)
        return self.url_store.sign(method, key, **terms)


class ForwardsServedUrls(ForwardsSignedUrls, VerifiesSignedUrls):
    """Signed URLs of ``url_store`` that it verifies."""

    def verify(self, method: str, key: str, params: Mapping[str, str], *, now: int) -> Grant:
        """See ``VerifiesSignedUrls``."""
        assert isinstance(self.url_store, VerifiesSignedUrls)
        return self.url_store.verify(method, key, params, now=now)


class ForwardsPublicUrls(SupportsPublicUrls):
    """Public URLs of ``url_store``."""

    url_store: BlobStore

    def public_url(self, key: str) -> str:
        """See ``SupportsPublicUrls``."""
        assert isinstance(self.url_store, SupportsPublicUrls)
        return self.url_store.public_url(key)
