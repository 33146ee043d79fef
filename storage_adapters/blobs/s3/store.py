"""Blobs in a bucket of an S3 server.

URL: ``s3://bucket[/prefix][?endpoint=http://HOST:PORT&public_endpoint=URL&region=REGION&path_style=yes|no
&conditions=probe|none&timeout=SECONDS]``.

A blob is one object, named by prefix and key, which its writer marks: mark and ETag are its generation. Checksums and
the caller's timestamp are stored in the object's metadata. ``inserting`` says how an object never replaces another.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Self

from storage_adapters.blobs.bucket_store import CACHE_CONTROL, WEEK_SECONDS, BucketStore, disposition_of
from storage_adapters.blobs.bucket_writer import CREATED_AT, WRITER
from storage_adapters.blobs.digests import Digests
from storage_adapters.blobs.s3.api import COPY_BYTES, S3Api
from storage_adapters.blobs.s3.claims import Claims
from storage_adapters.blobs.s3.client import NoConditions, OtherObject, open_client
from storage_adapters.blobs.s3.conditions import Conditions
from storage_adapters.blobs.s3.direct import DirectReads
from storage_adapters.blobs.s3.inserting import Inserter, Taken
from storage_adapters.blobs.s3.location import Location, parse
from storage_adapters.blobs.s3.objects import OWN, S3Object
from storage_adapters.blobs.s3.parts import LARGEST_PART, MOST_PARTS, is_whole, ranges
from storage_adapters.blobs.s3.pinging import Pinger
from storage_adapters.blobs.s3.reading import pieces
from storage_adapters.blobs.s3.signing import RequestSigner, Secret, UrlSigner
from storage_adapters.blobs.s3.writer import S3BlobWriter, metadata_of
from storage_adapters.errors import BlobExists, BlobNotFound, NoAddress, StorageDenied, StorageUnavailable
from storage_adapters.options import BlobOptions
from storage_adapters.ports.blob_capabilities import SupportsPartUploads, SupportsWholeWrites
from storage_adapters.ports.blobs import BlobWriter
from storage_adapters.records import BlobInfo, SignedPart, SignedUrl

# Uploads to one key at a time.
OPEN_UPLOADS = 3
# Requests for the descriptions of a page of a list.
_LOOKED_AT_ONCE = 16


class S3BlobStore(BucketStore, SupportsPartUploads, SupportsWholeWrites):
    """Blobs in a bucket of an S3 server."""

    _location: Location

    def __init__(
        self, api: S3Api, location: Location, secret: Callable[[], Secret], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._api, self._location, self._clock = api, location, clock
        self._conditions = Conditions(api, location.name_of, ask=location.conditions)
        self._inserter = Inserter(api, self._conditions, Claims(api, location.name_of))
        self._urls = UrlSigner(location, secret)
        self._pinger = Pinger(api, location.name_of)

    @classmethod
    def from_url(cls, url: str, options: BlobOptions) -> Self:
        """Open ``s3://bucket[/prefix]``; the first call sends the first request."""
        location = parse(url)
        client, secret = open_client(location, options)
        reads = DirectReads(client, RequestSigner(location, secret))
        return cls(S3Api(client, location.bucket, reads), location, secret)

    def write_whole(
        self, key: str, data: bytes | bytearray | memoryview, *, sha256: str | None, content_type: str, now: int
    ) -> None:
        """See ``SupportsWholeWrites``."""
        name, token = self._name(key), secrets.token_hex(16)
        sums = {"sha256": sha256 or hashlib.sha256(data).hexdigest()}
        metadata = {CREATED_AT: str(now), WRITER: token, **metadata_of(sums)}
        with memoryview(data).cast("B") as view:

            def write(over: str | None) -> S3Object:
                return self._api.put(
                    name, view, sha256=sums["sha256"], content_type=content_type, metadata=metadata, over=over
                )

            try:
                self._inserter.put(name, write, token)
            except Taken as taken:
                raise BlobExists(self._info(taken.found)) from None

    def head(self, key: str) -> BlobInfo:
        """See ``BlobStore``."""
        return self._info(self._inserter.find(self._name(key)))

    def delete(self, key: str, *, generation: str | None = None) -> None:
        """See ``BlobStore``."""
        name = self._name(key)
        if generation is None:
            self._api.delete(name)
        else:
            self._inserter.delete(name, generation)

    def delete_many(self, keys: Sequence[str], *, generations: Mapping[str, str | None] | None = None) -> None:
        """See ``BlobStore``."""
        self._api.delete_many(list(dict.fromkeys(self._name(key) for key in keys)))

    def close(self) -> None:
        """See ``BlobStore``."""
        self._api.close()

    def copy(self, source: str, target: str, *, now: int) -> BlobInfo:
        """See ``SupportsCopy``."""
        name = self._name(target)
        origin = self._inserter.find(self._name(source))
        # Who copies the same again makes the same object.
        token = hashlib.sha256(f"{origin.generation} {name}".encode()).hexdigest()[:32]
        metadata = {**origin.metadata, CREATED_AT: str(now), WRITER: token}
        with suppress(BlobNotFound):
            raise BlobExists(self.head(target))
        try:
            if origin.size > COPY_BYTES:
                upload = self._api.begin(name, content_type=origin.content_type, metadata=metadata, sums=False)
                parts = self._api.copy_parts(origin, upload)
                return self._info(self._inserter.complete(upload, parts, token=token))

            def write(over: str | None) -> None:
                self._api.copy(origin, name, metadata=metadata)

            return self._info(self._inserter.replace_placeholder(name, write, token, token))
        except Taken as taken:
            raise BlobExists(self._info(taken.found)) from None
        except OtherObject:
            raise StorageUnavailable(f"S3: {source} was changed during the copy") from None

    def scan(self, *, prefix: str = "", after: str = "", limit: int) -> list[BlobInfo]:
        """See ``SupportsListing``. A list says too little of an object: each one is asked for."""
        with ThreadPoolExecutor(_LOOKED_AT_ONCE) as pool:
            while names := self._names(prefix, after, limit):
                found = [each for each in pool.map(self._looked_at, names) if each is not None]
                if found:
                    return found
                after = self._info_key(names[-1])
        return []

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
        """See ``SupportsPartUploads``."""
        name = self._name(key)
        if size > MOST_PARTS * LARGEST_PART:
            raise NoAddress("an object of S3 has at most 5 TB")
        with suppress(BlobNotFound):
            raise BlobExists(self.head(key))
        metadata = {CREATED_AT: str(now), WRITER: secrets.token_hex(16)}
        # The parts of each are stored, and no quota counts those of many uploads to one key.
        self._end_uploads(name, but=OPEN_UPLOADS - 1)
        upload = self._api.begin(name, content_type=content_type, metadata=metadata, sums=False)
        at, named = self._clock(), {"uploadId": upload.upload_id}
        parts = tuple(
            SignedPart(
                number=number,
                offset=offset,
                size=length,
                url=self._urls.sign(
                    "PUT",
                    name,
                    at=at,
                    seconds=WEEK_SECONDS,
                    headers={"Content-Length": str(length)},
                    query={**named, "partNumber": str(number)},
                ),
            )
            for number, offset, length in ranges(size)
        )
        url = self._urls.sign("GET", name, at=at, seconds=WEEK_SECONDS, query=named)
        expires_at = now + WEEK_SECONDS * 1000
        return SignedUrl(method="GET", url=url, headers={}, expires_at=expires_at, protocol="s3-multipart", parts=parts)

    def complete_upload(self, key: str, *, size: int) -> BlobInfo:
        """See ``SupportsPartUploads``."""
        name = self._name(key)
        with suppress(BlobNotFound):
            return self.head(key)
        uploads = self._api.uploads(name)
        for upload in uploads:
            with suppress(BlobNotFound):
                parts = self._api.parts(upload)
                if is_whole(parts, size):
                    try:
                        found = self._inserter.complete(upload, parts)
                    except Taken as taken:
                        found = taken.found
                    for other in uploads:
                        self._api.abort(other)
                    return self._info(found)
        raise BlobNotFound(f"no upload to {key} is whole")

    def end_uploads(self, key: str) -> None:
        """See ``SupportsPartUploads``."""
        self._end_uploads(self._name(key))

    def _end_uploads(self, name: str, *, but: int = 0) -> None:
        """End the oldest uploads to a name; what cannot be listed, the lifecycle of the bucket ends."""
        with suppress(StorageDenied, NoConditions):
            uploads = self._api.uploads(name)
            for upload in uploads[: max(0, len(uploads) - but)]:
                self._api.abort(upload)

    def _writer(self, name: str, content_type: str, now: int, digests: Digests, over: str | None = None) -> BlobWriter:
        return S3BlobWriter(
            self._api, self._inserter, name, self._info, content_type=content_type, now=now, digests=digests, over=over
        )

    def _pieces(self, name: str, offset: int, length: int | None, generation: str | None) -> Iterator[bytes]:
        return pieces(self._api, name, offset, length, generation)

    def _signed_upload(self, name: str, content_type: str, size: int, expires_at: int) -> SignedUrl:
        if not self._location.conditions:
            raise NoAddress("a signed PUT would replace what is there: this server knows no conditions")
        headers = {
            "Content-Type": content_type,
            "Content-Disposition": disposition_of(content_type),
            "Cache-Control": CACHE_CONTROL,
            "If-None-Match": "*",
            f"x-amz-meta-{WRITER}": secrets.token_hex(16),
        }
        at, seconds = self._lifetime(expires_at)
        url = self._urls.sign("PUT", name, at=at, seconds=seconds, headers={**headers, "Content-Length": str(size)})
        return SignedUrl(method="PUT", url=url, headers=headers, expires_at=expires_at)

    def _signed_read(self, method: str, name: str, expires_at: int, disposition: str | None) -> SignedUrl:
        at, seconds = self._lifetime(expires_at)
        query = {} if disposition is None else {"response-content-disposition": disposition}
        url = self._urls.sign(method, name, at=at, seconds=seconds, query=query)
        return SignedUrl(method=method, url=url, headers={}, expires_at=expires_at, protocol=method.lower())

    def _lifetime(self, expires_at: int) -> tuple[float, int]:
        at = min(self._clock(), expires_at / 1000 - 1)
        return at, math.ceil(expires_at / 1000 - at)

    def _names(self, prefix: str, after: str, limit: int) -> list[str]:
        """Return the names of a page; our own objects stand among them only as names to skip."""
        whole, last = self._location.name_of(prefix), self._location.name_of(after) if after else ""
        found: list[str] = []
        if last and self._conditions.is_tree():
            # SeaweedFS goes on behind the folder of this name, which comes first in its order.
            below = f"{last}/" if f"{last}/".startswith(whole) else whole if whole.startswith(f"{last}/") else ""
            found = self._api.listing(prefix=below, after="", limit=limit) if below else []
        if len(found) < limit:
            found += self._api.listing(prefix=whole, after=last, limit=limit - len(found))
        return found

    def _looked_at(self, name: str) -> BlobInfo | None:
        if self._info_key(name).startswith(OWN):
            return None
        try:
            return self._info(self._inserter.find(name))
        except BlobNotFound:
            return None

    def _info_key(self, name: str) -> str:
        return self._location.key_of(name) or name

    def _info(self, found: S3Object) -> BlobInfo:
        return found.info(self._location.bucket, self._info_key(found.name))
