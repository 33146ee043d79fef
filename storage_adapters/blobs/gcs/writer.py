"""Writer of one object: small ones in one request, large ones by a session in chunks of 4 MiB.

The last chunk is held back until ``commit`` has checked the declaration, so wrong bytes never become visible. An
unfinished session leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from storage_adapters.blobs.bucket_writer import WRITER, BucketWriter
from storage_adapters.blobs.digests import Digests
from storage_adapters.blobs.gcs.api import GcsApi, OtherGeneration, hex_of
from storage_adapters.blobs.gcs.sessions import STEP, UploadSession
from storage_adapters.errors import BlobExists, BlobNotFound, StorageUnavailable
from storage_adapters.records import BlobInfo

CHUNK = 16 * STEP
SHA256 = "files-sha256"


class GcsBlobWriter(BucketWriter):
    """Writer in chunks."""

    step = CHUNK

    def __init__(
        self,
        api: GcsApi,
        name: str,
        info_of: Callable[[Any], BlobInfo],
        *,
        content_type: str,
        now: int,
        digests: Digests,
        over: str = "0",
    ) -> None:
        """Begin; ``over`` is the generation whose place the object takes, "0" where there is none."""
        super().__init__(name, content_type=content_type, now=now, digests=digests)
        self._api, self._info_of, self._over = api, info_of, over
        self._session: UploadSession | None = None
        self._beaten = False

    def commit(self, *, declared: Mapping[str, object]) -> BlobInfo:
        """See ``BlobWriter``."""
        pending = self._opened()
        try:
            self._digests.check(declared)
            sha256 = str(self._digests.checksums()["sha256"])
            try:
                if self._session is None and not self._beaten:
                    metadata = {**self._metadata, SHA256: sha256}
                    return self._info_of(
                        self._api.insert(
                            self._name,
                            bytes(pending),
                            content_type=self._content_type,
                            metadata=metadata,
                            over=self._over,
                        )
                    )
                if self._session is not None:
                    self._session.send(bytes(pending), last=True)
                    self._session = None
            except OtherGeneration:
                self._session = None
            return self._stored(sha256)
        finally:
            self.abort()

    def abort(self) -> None:
        """See ``BlobWriter``."""
        self._pending = None
        session, self._session = self._session, None
        if session is not None:
            session.cancel()

    def _send(self, content: bytes) -> None:
        try:
            if self._session is None and not self._beaten:
                uri = self._api.start_session(
                    self._name, content_type=self._content_type, metadata=self._metadata, over=self._over
                )
                self._session = UploadSession(self._api.session, uri, self._api.timeout)
            if self._session is not None:
                self._session.send(content, last=False)
        except OtherGeneration:
            # Another writer was faster; commit reports it, and until then bytes are accepted and dropped.
            self._session, self._beaten = None, True

    def _stored(self, sha256: str) -> BlobInfo:
        """Return the stored object if this writer wrote it, also when a response was lost and the request repeated."""
        blob = self._found()
        if SHA256 not in blob.metadata:
            try:
                blob = self._api.add_metadata(blob, {SHA256: sha256})
            except BlobNotFound:
                raise StorageUnavailable("Cloud Storage: the object was deleted while it was written") from None
            except OtherGeneration:
                # The lost response may have been that of this change.
                blob = self._found()
                if SHA256 not in blob.metadata:
                    raise StorageUnavailable("Cloud Storage: the object was changed while it was written") from None
        return self._info_of(blob)

    def _found(self) -> Any:
        """Return the object that this writer wrote. Raises BlobExists or BlobNotFound for another writer's."""
        try:
            blob = self._api.find(self._name)
        except BlobNotFound:
            if self._over != "0":
                raise
            raise StorageUnavailable("Cloud Storage: the object was deleted while it was written") from None
        if (blob.metadata or {}).get(WRITER) != self._token:
            if self._over != "0":
                raise BlobNotFound("Cloud Storage: the object was replaced meanwhile")
            raise BlobExists(self._info_of(blob))
        if (blob.size, hex_of(blob.crc32c)) != (self._digests.size, self._digests.checksums()["crc32c"]):
            self._api.delete(self._name, str(blob.generation))
            raise StorageUnavailable("Cloud Storage: the bytes were damaged in transit")
        return blob
