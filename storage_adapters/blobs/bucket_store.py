"""A blob store in a bucket: what the adapters of its servers have in common.

A blob is one object, named by prefix and key.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import quote

from storage_adapters.blobs.bucket_location import BucketLocation
from storage_adapters.blobs.digests import Digests
from storage_adapters.blobs.keys import check_key, check_range
from storage_adapters.blobs.pinging import BucketPinger
from storage_adapters.blobs.signing import check_terms
from storage_adapters.errors import BlobExists, BlobNotFound
from storage_adapters.ports.blob_capabilities import (
    StartsUploads,
    SupportsCopy,
    SupportsListing,
    SupportsReplacement,
    SupportsSignedUrls,
)
from storage_adapters.ports.blobs import BlobStore, BlobWriter
from storage_adapters.records import SignedUrl

WEEK_SECONDS = 604_800
# An object is never changed. Caches that many share must not keep it: its access may be taken away.
CACHE_CONTROL = "private, max-age=900, immutable"


class BucketStore(BlobStore, SupportsSignedUrls, StartsUploads, SupportsCopy, SupportsListing, SupportsReplacement):
    """Blobs in a bucket; public blobs are read by signed URL, like all others."""

    _location: BucketLocation
    _pinger: BucketPinger

    @property
    def bucket(self) -> str:
        """See ``BlobStore``."""
        return self._location.bucket

    def writer(self, key: str, *, content_type: str, now: int, checksums: Iterable[str] | None = ()) -> BlobWriter:
        """See ``BlobStore``."""
        digests = Digests(checksums or ())
        with suppress(BlobNotFound):
            raise BlobExists(self.head(key))
        return self._writer(self._name(key), content_type, now, digests)

    def replacement(self, key: str, *, generation: str, content_type: str, now: int) -> BlobWriter:
        """See ``SupportsReplacement``."""
        if self.head(key).generation != generation:
            raise BlobNotFound(f"blob {key} was replaced")
        return self._writer(self._name(key), content_type, now, Digests(), over=generation)

    def get(
        self, key: str, *, offset: int = 0, length: int | None = None, generation: str | None = None
    ) -> Iterator[bytes]:
        """See ``BlobStore``."""
        check_range(offset, length)
        name = self._name(key)
        if length == 0:
            if generation not in (None, self.head(key).generation):
                raise BlobNotFound(f"blob {key} was replaced")
            return iter(())
        reading = self._pieces(name, offset, length, generation)
        # The first step sends the request: a missing blob is reported here, not when bytes are read.
        next(reading)
        return reading

    def ping(self) -> None:
        """See ``BlobStore``."""
        self._pinger.ping()

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
        name = self._name(key)
        check_terms(method, content_type, size, filename, epoch)
        if content_type is not None and size is not None:
            return self._signed_upload(name, content_type, size, expires_at)
        return self._signed_read(method, name, expires_at, None if filename is None else attachment(filename))

    @property
    def upload_seconds(self) -> int:
        """See ``StartsUploads``."""
        return WEEK_SECONDS

    def _name(self, key: str) -> str:
        return self._location.name_of(check_key(key))

    @abstractmethod
    def _writer(self, name: str, content_type: str, now: int, digests: Digests, over: str | None = None) -> BlobWriter:
        """Begin to write an object, in the place of the generation ``over`` if there is one."""

    @abstractmethod
    def _pieces(self, name: str, offset: int, length: int | None, generation: str | None) -> Iterator[bytes]:
        """Yield b"" when the request has been answered, then the bytes of the object."""

    @abstractmethod
    def _signed_upload(self, name: str, content_type: str, size: int, expires_at: int) -> SignedUrl:
        """Sign a PUT of an object that does not exist."""

    @abstractmethod
    def _signed_read(self, method: str, name: str, expires_at: int, disposition: str | None) -> SignedUrl:
        """Sign a GET or a HEAD."""


def disposition_of(content_type: str) -> str:
    """Return how a browser treats an object of this type at a URL that says nothing else: a script must not run."""
    plain = content_type.partition(";")[0].strip().lower()
    shown = plain.startswith(("image/", "video/", "audio/")) and not plain.endswith("+xml")
    return "inline" if shown else "attachment"


def attachment(filename: str) -> str:
    """Return the Content-Disposition (RFC 6266) that makes a browser save the bytes under a name."""
    plain = "".join(each if " " <= each <= "~" and each not in '"\\%' else "_" for each in filename)
    encoded = quote(filename.encode(errors="replace"), safe="!#$&+-.^_`|~")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
