"""Blobs in the memory of one process, for tests: a verified fake under the contract of the real stores.

URL: ``memory://[?bucket=NAME]``. All data end with the object, and so does the default signing key.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Self
from urllib.parse import parse_qs, urlsplit

from storage_adapters.blobs.digests import Digests
from storage_adapters.blobs.keys import check_key, check_range, segments
from storage_adapters.blobs.served_urls import ServesSignedUrls
from storage_adapters.blobs.signing import MINIMAL_KEY_BYTES, UrlSigner
from storage_adapters.errors import BlobExists, BlobNotFound, ChecksumMismatch, UnknownStore
from storage_adapters.options import BlobOptions
from storage_adapters.ports.blob_capabilities import (
    SupportsCopy,
    SupportsListing,
    SupportsReplacement,
    SupportsTwins,
    SupportsWholeWrites,
    TwinWriter,
)
from storage_adapters.ports.blobs import BlobStore, BlobWriter
from storage_adapters.records import BlobInfo

PIECE = 1024 * 1024


class MemoryBlobStore(
    BlobStore,
    ServesSignedUrls,
    SupportsCopy,
    SupportsWholeWrites,
    SupportsListing,
    SupportsReplacement,
    SupportsTwins,
):
    """Blobs in a dictionary."""

    def __init__(self, *, bucket: str = "memory", signing_key: bytes = b"", public_url: str = "") -> None:
        self._bucket = bucket
        self.url_signer = UrlSigner(signing_key or secrets.token_bytes(MINIMAL_KEY_BYTES), public_url)
        self._lock = Lock()
        self._blobs: dict[str, tuple[BlobInfo, bytes]] = {}

    @classmethod
    def from_url(cls, url: str, options: BlobOptions) -> Self:
        """Open ``memory://[?bucket=NAME]``."""
        parts = urlsplit(url)
        query = parse_qs(parts.query, keep_blank_values=True)
        buckets = query.pop("bucket", ["memory"])
        if parts.netloc or parts.path or parts.fragment or query or len(buckets) != 1 or not buckets[0]:
            raise UnknownStore(f"the memory store takes memory://[?bucket=NAME], not {url}")
        return cls(bucket=buckets[0], signing_key=options.signing_key, public_url=options.public_url)

    @property
    def bucket(self) -> str:
        """See ``BlobStore``."""
        return self._bucket

    def writer(self, key: str, *, content_type: str, now: int, checksums: Iterable[str] | None = ()) -> BlobWriter:
        """See ``BlobStore``."""
        return self._writer(key, content_type, now, Digests(checksums))

    @property
    def medium(self) -> str:
        """See ``SupportsTwins``. Each store counts as a medium of its own, so that tests have two."""
        return f"memory-{id(self)}"

    def is_same(self, other: object) -> bool:
        """See ``SupportsTwins``."""
        return self is other

    def twin_writer(self, key: str, *, content_type: str, now: int) -> TwinWriter:
        """See ``SupportsTwins``."""
        return self._writer(key, content_type, now, Digests(None))

    def replacement(self, key: str, *, generation: str, content_type: str, now: int) -> BlobWriter:
        """See ``SupportsReplacement``."""
        self._require(key, generation)
        replaced = partial(self._replace, generation=generation)
        return _MemoryBlobWriter(self._fresh(key, content_type, now), Digests(), replaced)

    def head(self, key: str) -> BlobInfo:
        """See ``BlobStore``."""
        return self._blob(key)[0]

    def get(
        self, key: str, *, offset: int = 0, length: int | None = None, generation: str | None = None
    ) -> Iterator[bytes]:
        """See ``BlobStore``."""
        check_range(offset, length)
        info, content = self._blob(key)
        if generation not in (None, info.generation):
            raise BlobNotFound(f"blob {key} was replaced")
        end = len(content) if length is None else min(offset + length, len(content))
        return (content[place : min(place + PIECE, end)] for place in range(offset, end, PIECE))

    def delete(self, key: str, *, generation: str | None = None) -> None:
        """See ``BlobStore``."""
        check_key(key)
        with self._lock:
            if generation is None or (key in self._blobs and self._blobs[key][0].generation == generation):
                self._blobs.pop(key, None)

    def scan(self, *, prefix: str = "", after: str = "", limit: int) -> list[BlobInfo]:
        """See ``SupportsListing``."""
        with self._lock:
            keys = sorted((key for key in self._blobs if key.startswith(prefix)), key=segments)
            keys = [key for key in keys if segments(key) > segments(after)] if after else keys
            return [self._blobs[key][0] for key in keys[:limit]]

    def ping(self) -> None:
        """See ``BlobStore``."""

    def close(self) -> None:
        """See ``BlobStore``."""

    def copy(self, source: str, target: str, *, now: int) -> BlobInfo:
        """See ``SupportsCopy``."""
        check_key(target)
        info, content = self._blob(source)
        copied = replace(info, bucket=self._bucket, key=target, created_at=now, generation=secrets.token_hex(8))
        self.keep(copied, content)
        return copied

    def write_whole(
        self, key: str, data: bytes | bytearray | memoryview, *, sha256: str | None, content_type: str, now: int
    ) -> None:
        """See ``SupportsWholeWrites``."""
        info = self._fresh(check_key(key), content_type, now)
        self.keep(replace(info, size=len(data), sha256=sha256), bytes(data))

    def _writer(self, key: str, content_type: str, now: int, digests: Digests) -> TwinWriter:
        check_key(key)
        with self._lock:
            self._require_free(key)
        return _MemoryBlobWriter(self._fresh(key, content_type, now), digests, self.keep)

    def _fresh(self, key: str, content_type: str, now: int) -> BlobInfo:
        generation = secrets.token_hex(8)
        return BlobInfo(
            bucket=self._bucket, key=key, size=0, content_type=content_type, created_at=now, generation=generation
        )

    def keep(self, info: BlobInfo, content: bytes) -> None:
        """Make the blob visible. Raises BlobExists when another writer was faster."""
        with self._lock:
            self._require_free(info.key)
            self._blobs[info.key] = (info, content)

    def _replace(self, info: BlobInfo, content: bytes, *, generation: str) -> None:
        with self._lock:
            self._require(info.key, generation)
            self._blobs[info.key] = (info, content)

    def _require(self, key: str, generation: str) -> None:
        if check_key(key) not in self._blobs or self._blobs[key][0].generation != generation:
            raise BlobNotFound(f"blob {key} was deleted or replaced")

    def _require_free(self, key: str) -> None:
        if key in self._blobs:
            raise BlobExists(self._blobs[key][0])

    def _blob(self, key: str) -> tuple[BlobInfo, bytes]:
        check_key(key)
        with self._lock:
            if key not in self._blobs:
                raise BlobNotFound(f"no blob {key}")
            return self._blobs[key]


class _MemoryBlobWriter(TwinWriter):
    def __init__(self, info: BlobInfo, digests: Digests, keep: Callable[[BlobInfo, bytes], None]) -> None:
        self._info, self._digests, self._keep = info, digests, keep
        self._content: bytearray | None = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See ``BlobWriter``."""
        self._opened().extend(data)
        self._digests.update(data)

    def commit(self, *, declared: Mapping[str, object]) -> BlobInfo:
        """See ``BlobWriter``."""
        content, self._content = bytes(self._opened()), None
        self._digests.check(declared)
        info = self._digests.described(self._info)
        self._keep(info, content)
        return info

    def commit_as(self, info: BlobInfo) -> None:
        """See ``TwinWriter``."""
        content, self._content = bytes(self._opened()), None
        if len(content) != info.size:
            raise ChecksumMismatch("size", info.size, len(content))
        self._keep(info, content)

    def abort(self) -> None:
        """See ``BlobWriter``."""
        self._content = None

    def _opened(self) -> bytearray:
        if self._content is None:
            raise ValueError("the writer is closed")
        return self._content
