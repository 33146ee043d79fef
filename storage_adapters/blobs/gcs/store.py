"""Blobs in a bucket of Google Cloud Storage.

URL: ``gs://bucket[/prefix][?credentials=FILE&signer=EMAIL&public=signed|policy&timeout=SECONDS&user_project=PROJECT]``.

A blob is one object, named by prefix and key, in one generation: every write requires that the object does not exist,
every delete that it has the generation that was read. Access control lists are never set; see ADR 14. SHA-256 and the
caller's timestamp are stored in the object's metadata, because Cloud Storage does not keep them.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from google.auth.credentials import AnonymousCredentials

from storage_adapters.blobs.bucket_store import WEEK_SECONDS, BucketStore
from storage_adapters.blobs.bucket_writer import CREATED_AT, WRITER
from storage_adapters.blobs.digests import Digests
from storage_adapters.blobs.gcs.api import GcsApi, OtherGeneration, hex_of
from storage_adapters.blobs.gcs.credentials import credentials_of, signer_of
from storage_adapters.blobs.gcs.location import Location, parse
from storage_adapters.blobs.gcs.pinging import Pinger
from storage_adapters.blobs.gcs.reading import pieces
from storage_adapters.blobs.gcs.signers import Signer
from storage_adapters.blobs.gcs.signing import UrlSigner
from storage_adapters.blobs.gcs.writer import SHA256, GcsBlobWriter
from storage_adapters.errors import BlobExists, BlobNotFound, StorageUnavailable
from storage_adapters.options import BlobOptions
from storage_adapters.ports.blob_capabilities import SupportsPublicUrls, SupportsResumableUpload
from storage_adapters.ports.blobs import BlobWriter
from storage_adapters.records import BlobInfo, SignedUrl

_ATTEMPTS = 5


class GcsBlobStore(BucketStore, SupportsResumableUpload):
    """Blobs in a bucket of Google's."""

    _location: Location

    def __init__(
        self, api: GcsApi, location: Location, signer: Signer, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._api, self._location = api, location
        self._pinger = Pinger(api, location.name_of)
        self._urls = UrlSigner(
            signer, endpoint=api.endpoint, bucket=location.bucket, user_project=location.user_project, clock=clock
        )

    @classmethod
    def from_url(cls, url: str, options: BlobOptions) -> Self:
        """Open ``gs://bucket[/prefix]``; the first call sends the first request."""
        location = parse(url)
        credentials = credentials_of(location, options)
        # An emulator needs no credentials; a key file is then used only for signing.
        emulator = options.storage_emulator_host
        endpoint = f"http://{emulator}" if emulator and "://" not in emulator else emulator
        api = GcsApi(location, AnonymousCredentials() if emulator else credentials, endpoint)
        chosen = PublicGcsBlobStore if location.public and cls is GcsBlobStore else cls
        store = chosen(api, location, signer_of(location, options, credentials, api))
        assert isinstance(store, cls)
        return store

    def head(self, key: str) -> BlobInfo:
        """See ``BlobStore``."""
        return self._info(self._api.find(self._name(key)))

    def delete(self, key: str, *, generation: str | None = None) -> None:
        """See ``BlobStore``."""
        name = self._name(key)
        for _ in range(_ATTEMPTS):
            try:
                self._api.delete(name, generation or str(self._api.find(name).generation))
            except BlobNotFound:
                return
            except OtherGeneration:
                if generation is not None:
                    return
            else:
                return
        raise StorageUnavailable(f"Cloud Storage: {key} is overwritten repeatedly while it is deleted")

    def delete_many(self, keys: Sequence[str], *, generations: Mapping[str, str | None] | None = None) -> None:
        """See ``BlobStore``. A blob without a known generation is looked up first."""
        names = {self._name(key): key for key in keys}
        known: dict[str, str] = {}
        for name, key in names.items():
            generation = (generations or {}).get(key) or ""
            with suppress(BlobNotFound):
                known[name] = generation if generation.isdecimal() else str(self._api.find(name).generation)
        for name in self._api.delete_many(known):
            self.delete(names[name])

    def close(self) -> None:
        """See ``BlobStore``."""
        self._api.close()

    def copy(self, source: str, target: str, *, now: int) -> BlobInfo:
        """See ``SupportsCopy``."""
        name = self._name(target)
        origin = self._api.find(self._name(source))
        token = secrets.token_hex(16)
        metadata = {**(origin.metadata or {}), CREATED_AT: str(now), WRITER: token}
        try:
            return self._info(self._api.copy(origin, name, metadata=metadata))
        except OtherGeneration:
            pass
        try:
            found = self._api.find(name)
        except BlobNotFound:
            raise StorageUnavailable(f"Cloud Storage: {source} was changed during the copy") from None
        if (found.metadata or {}).get(WRITER) != token:
            raise BlobExists(self._info(found))
        # The response to this copy was lost, and the request was sent again.
        return self._info(found)

    def scan(self, *, prefix: str = "", after: str = "", limit: int) -> list[BlobInfo]:
        """See ``SupportsListing``."""
        found: list[BlobInfo] = []
        for blob in self._api.listing(
            prefix=self._location.name_of(prefix),
            start=self._location.name_of(after) if after else "",
            limit=limit + (1 if after else 0),
        ):
            info = self._info(blob)
            if info.key > after:
                found.append(info)
        return found[:limit]

    def start_upload(
        self,
        key: str,
        *,
        content_type: str,
        size: int,
        now: int,
        checksums: Mapping[str, str | None] | None = None,
        origin: str | None = None,
    ) -> SignedUrl:
        """See ``SupportsResumableUpload``."""
        name = self._name(key)
        declared = checksums or {}
        try:
            uri = self._api.start_session(
                name,
                content_type=content_type,
                metadata={},
                size=size,
                md5=declared.get("md5"),
                crc32c=declared.get("crc32c"),
                origin=origin,
            )
        except OtherGeneration:
            raise self._taken(key) from None
        expires_at = now + WEEK_SECONDS * 1000
        return SignedUrl(method="PUT", url=uri, headers={}, expires_at=expires_at, protocol="resumable")

    def _writer(self, name: str, content_type: str, now: int, digests: Digests, over: str | None = None) -> BlobWriter:
        return GcsBlobWriter(
            self._api, name, self._info, content_type=content_type, now=now, digests=digests, over=over or "0"
        )

    def _pieces(self, name: str, offset: int, length: int | None, generation: str | None) -> Iterator[bytes]:
        return pieces(self._api, name, offset, length, generation)

    def _signed_upload(self, name: str, content_type: str, size: int, expires_at: int) -> SignedUrl:
        return self._urls.upload(name, content_type=content_type, size=size, expires_at=expires_at)

    def _signed_read(self, method: str, name: str, expires_at: int, disposition: str | None) -> SignedUrl:
        return self._urls.download(method, name, expires_at=expires_at, disposition=disposition)

    def _taken(self, key: str) -> BlobExists | StorageUnavailable:
        """Return the reason for a failed precondition: the object exists, or existed for a moment."""
        try:
            return BlobExists(self.head(key))
        except BlobNotFound:
            return StorageUnavailable(f"Cloud Storage: {key} was changed meanwhile")

    def _info(self, blob: Any) -> BlobInfo:
        if blob.size is None or blob.generation is None:
            # Not a description that bytes may be compared with, and deleted for.
            raise StorageUnavailable("Cloud Storage: the description of the object lacks its size or generation")
        ours = blob.metadata or {}
        created_at = ours.get(CREATED_AT, "")
        return BlobInfo(
            bucket=self._location.bucket,
            key=self._location.key_of(blob.name) or blob.name,
            size=blob.size,
            content_type=blob.content_type or "application/octet-stream",
            created_at=int(created_at) if created_at.isdecimal() else int(blob.time_created.timestamp() * 1000),
            generation=str(blob.generation),
            md5=hex_of(blob.md5_hash),
            crc32c=hex_of(blob.crc32c),
            sha256=ours.get(SHA256),
        )


class PublicGcsBlobStore(GcsBlobStore, SupportsPublicUrls):
    """Blobs in a bucket whose policy lets everybody read; public blobs have permanent URLs."""

    def public_url(self, key: str) -> str:
        """See ``SupportsPublicUrls``."""
        return f"{self._api.endpoint}/{self._location.bucket}/{self._name(key)}"
