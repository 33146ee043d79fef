"""Writer of one object: small ones by one conditional PUT, large ones in parts.

The last part is held back until ``commit`` has checked the declaration, and nothing is visible before the upload is
completed. An unfinished upload is ended; that of a process that dies, by the lifecycle of the bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from storage_adapters.blobs.bucket_writer import BucketWriter
from storage_adapters.blobs.digests import Digests
from storage_adapters.blobs.s3.api import PendingUpload, S3Api, StoredPart
from storage_adapters.blobs.s3.inserting import Inserter, Taken
from storage_adapters.blobs.s3.objects import SUMS, S3Object
from storage_adapters.errors import BlobExists
from storage_adapters.records import BlobInfo

PART = 8 * 1024 * 1024
_LARGER_PART = 64 * 1024 * 1024
# A server takes 10 000 parts: with larger ones behind these, 580 GB.
_SMALLER_PARTS = 1_000


class S3BlobWriter(BucketWriter):
    """Writer in parts."""

    step = PART

    def __init__(
        self,
        api: S3Api,
        inserter: Inserter,
        name: str,
        info_of: Callable[[S3Object], BlobInfo],
        *,
        content_type: str,
        now: int,
        digests: Digests,
        over: str | None = None,
    ) -> None:
        """Begin; ``over`` is the generation whose place the object takes, if there is one."""
        super().__init__(name, content_type=content_type, now=now, digests=digests)
        self._api, self._inserter, self._info_of, self._over = api, inserter, info_of, over
        self._upload: PendingUpload | None = None
        self._parts: list[StoredPart] = []

    def commit(self, *, declared: Mapping[str, object]) -> BlobInfo:
        """See ``BlobWriter``."""
        pending = self._opened()
        try:
            self._digests.check(declared)
            sums = self._digests.checksums()
            if self._upload is None:
                return self._info_of(self._whole(bytes(pending), sums))
            self._send(bytes(pending))
            stored = self._info_of(self._completed(sums["crc32c"]))
            self._upload = None
            return replace(stored, md5=sums["md5"], crc32c=sums["crc32c"], sha256=sums["sha256"])
        except Taken as taken:
            raise BlobExists(self._info_of(taken.found)) from None
        finally:
            self.abort()

    def abort(self) -> None:
        """See ``BlobWriter``."""
        self._pending = None
        upload, self._upload = self._upload, None
        if upload is not None:
            self._api.abort(upload)

    def _piece_bytes(self) -> int:
        return PART if len(self._parts) < _SMALLER_PARTS else _LARGER_PART

    def _send(self, content: bytes) -> None:
        if self._upload is None:
            self._upload = self._api.begin(
                self._name, content_type=self._content_type, metadata=self._metadata, sums=True
            )
        self._parts.append(self._api.send_part(self._upload, len(self._parts) + 1, content))

    def _whole(self, content: bytes, sums: Mapping[str, str | None]) -> S3Object:
        metadata = {**self._metadata, **metadata_of(sums)}

        def write(over: str | None) -> S3Object:
            return self._api.put(
                self._name,
                content,
                sha256=str(sums["sha256"]),
                content_type=self._content_type,
                metadata=metadata,
                over=over,
            )

        if self._over is not None:
            return self._inserter.exchange(self._name, self._over, write, self._token)
        return self._inserter.put(self._name, write, self._token)

    def _completed(self, crc32c: str | None) -> S3Object:
        upload = self._upload
        assert upload is not None
        if self._over is None:
            return self._inserter.complete(upload, self._parts, token=self._token, crc32c=crc32c)

        def write(over: str | None) -> None:
            self._api.complete(upload, self._parts, over=over, crc32c=crc32c)

        return self._inserter.exchange(self._name, self._over, write, self._token)


def metadata_of(sums: Mapping[str, str | None]) -> dict[str, str]:
    """Return the metadata that keeps checksums."""
    return {SUMS[name]: value for name, value in sums.items() if value is not None}
