"""Capabilities that an adapter over other stores passes on to one of them: URLs that the gateway serves."""

from __future__ import annotations

from collections.abc import Mapping

from storage_adapters.ports.blob_capabilities import SupportsPublicUrls, SupportsSignedUrls, VerifiesSignedUrls
from storage_adapters.ports.blobs import BlobStore
from storage_adapters.records import Grant, SignedUrl


class ForwardsSignedUrls(SupportsSignedUrls):
    """Signed URLs of ``url_store``."""

    url_store: BlobStore

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
        """See ``SupportsSignedUrls``."""
        assert isinstance(self.url_store, SupportsSignedUrls)
        return self.url_store.sign(
            method, key, expires_at=expires_at, content_type=content_type, size=size, filename=filename, epoch=epoch
        )


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
