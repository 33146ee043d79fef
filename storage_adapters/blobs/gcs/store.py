"""Blobs in a bucket of Google Cloud Storage.

URL: ``gs://bucket[/prefix][?credentials=FILE&signer=EMAIL&public=signed|policy&timeout=SECONDS&user_project=PROJECT]``.

A blob is one object, named by prefix and key, in one generation: every write requires that the object does not exist,
every delete that it has the generation that was read. Access control lists are never set; see ADR 14. SHA-256 and the
caller's timestamp are stored in the object's metadata, because Cloud Storage does not keep them.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from google.auth.credentials import AnonymousCredentials

from storage_adapters.blobs.digests import Digests
from storage_adapters.blobs.gcs.api import GcsApi, OtherGeneration, hex_of
from storage_adapters.blobs.gcs.credentials import credentials_of, signer_of
from storage_adapters.blobs.gcs.location import Location, parse
from storage_adapters.blobs.gcs.pinging import Pinger
from storage_adapters.blobs.gcs.reading import pieces
from storage_adapters.blobs.gcs.signers import Signer
from storage_adapters.blobs.gcs.signing import WEEK_SECONDS, UrlSigner, attachment
from storage_adapters.blobs.gcs.writer import CREATED_AT, SHA256, WRITER, GcsBlobWriter
from storage_adapters.blobs.keys import check_key
from storage_adapters.errors import BlobExists, BlobNotFound, StorageUnavailable
from storage_adapters.options import BlobOptions
from storage_adapters.ports.blob_capabilities import (
    SupportsCopy,
    SupportsListing,
    SupportsPublicUrls,
    SupportsReplacement,
    SupportsResumableUpload,
    SupportsSignedUrls,
)
from storage_adapters.ports.blobs import BlobStore, BlobWriter
from storage_adapters.records import BlobInfo, SignedUrl

_SIGNED = ("PUT", "GET", "HEAD")
_ATTEMPTS = 5


class GcsBlobStore(
    BlobStore, SupportsSignedUrls, SupportsResumableUpload, SupportsCopy, SupportsListing, SupportsReplacement
):
    """Blobs in a bucket; public blobs are read by signed URL, like all others."""

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

    @property
    def bucket(self) -> str:
        """See ``BlobStore``."""
        return self._location.bucket

    def writer(self, key: str, *, content_type: str, now: int, checksums: Iterable[str] | None = ()) -> BlobWriter:
        """See ``BlobStore``."""
        digests = Digests(checksums or ())
        with suppress(BlobNotFound):
            raise BlobExists(self.head(key))
        return GcsBlobWriter(
            self._api, self._name(key), self._info, content_type=content_type, now=now, digests=digests
        )

    def replacement(self, key: str, *, generation: str, content_type: str, now: int) -> BlobWriter:
        """See ``SupportsReplacement``."""
        if self.head(key).generation != generation:
            raise BlobNotFound(f"blob {key} was replaced")
        return GcsBlobWriter(
            self._api,
            self._name(key),
            self._info,
            content_type=content_type,
            now=now,
            digests=Digests(),
            over=generation,
        )

    def head(self, key: str) -> BlobInfo:
        """See ``BlobStore``."""
        return self._info(self._api.find(self._name(key)))

    def get(
        self, key: str, *, offset: int = 0, length: int | None = None, generation: str | None = None
    ) -> Iterator[bytes]:
        """See ``BlobStore``."""
        if offset < 0 or (length is not None and length < 0):
            raise ValueError("offset and length must not be negative")
        name = self._name(key)
        if length == 0:
            if generation not in (None, str(self._api.find(name).generation)):
                raise BlobNotFound(f"blob {key} was replaced")
            return iter(())
        reading = pieces(self._api, name, offset, length, generation)
        # The first step sends the request: a missing blob is reported here, not when bytes are read.
        next(reading)
        return reading

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

    def ping(self) -> None:
        """See ``BlobStore``."""
        self._pinger.ping()

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
        if method not in _SIGNED:
            raise ValueError(f"cannot sign {method}: only {', '.join(_SIGNED)}")
        if method == "PUT":
            if content_type is None or size is None or filename is not None:
                raise ValueError("a PUT needs a content type and a size, and accepts nothing else")
            return self._urls.upload(name, content_type=content_type, size=size, expires_at=expires_at)
        if content_type is not None or size is not None:
            raise ValueError(f"a {method} accepts no content type and no size")
        disposition = None if filename is None else attachment(filename)
        return self._urls.download(method, name, expires_at=expires_at, disposition=disposition)

    @property
    def upload_seconds(self) -> int:
        """See ``SupportsResumableUpload``."""
        return WEEK_SECONDS

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

    def _name(self, key: str) -> str:
        return self._location.name_of(check_key(key))

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
