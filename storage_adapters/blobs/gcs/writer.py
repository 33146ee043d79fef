"""Writer of one object: small ones in one request, large ones by a session in chunks of 4 MiB.

The last chunk is held back until ``commit`` has checked the declaration, so wrong bytes never become visible. An
unfinished session leaves nothing behind.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from storage_adapters.blobs.digests import Digests
from storage_adapters.blobs.gcs.api import GcsApi, OtherGeneration, hex_of
from storage_adapters.blobs.gcs.sessions import STEP, UploadSession
from storage_adapters.errors import BlobExists, BlobNotFound, StorageUnavailable
from storage_adapters.ports.blobs import BlobWriter
from storage_adapters.records import BlobInfo

CHUNK = 16 * STEP
# Metadata that marks our objects. Nobody else can set it: an upload by signed URL sends only signed headers.
SHA256 = "files-sha256"
CREATED_AT = "files-created-at"
WRITER = "files-writer"


class GcsBlobWriter(BlobWriter):
    """Writer with at most one chunk and one piece of the caller's data in memory."""

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
        self._api, self._name, self._info_of = api, name, info_of
        self._content_type = content_type
        self._digests = digests
        self._over = over
        self._token = secrets.token_hex(16)
        self._metadata = {CREATED_AT: str(now), WRITER: self._token}
        self._pending: bytearray | None = bytearray()
        self._session: UploadSession | None = None
        self._beaten = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See ``BlobWriter``."""
        pending = self._opened()
        try:
            self._digests.update(data)
            with memoryview(data).cast("B") as view:
                for start in range(0, len(view), CHUNK):
                    pending += view[start : start + CHUNK]
                    # Send only when there is a byte more than a chunk: the last chunk is never sent here.
                    if len(pending) > CHUNK:
                        self._send_chunk(pending)
        except BaseException:
            self.abort()
            raise

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

    def _opened(self) -> bytearray:
        if self._pending is None:
            raise ValueError("the writer is closed")
        return self._pending

    def _send_chunk(self, pending: bytearray) -> None:
        try:
            if self._session is None and not self._beaten:
                uri = self._api.start_session(
                    self._name, content_type=self._content_type, metadata=self._metadata, over=self._over
                )
                self._session = UploadSession(self._api.session, uri, self._api.timeout)
            if self._session is not None:
                self._session.send(bytes(pending[:CHUNK]), last=False)
        except OtherGeneration:
            # Another writer was faster; commit reports it, and until then bytes are accepted and dropped.
            self._session, self._beaten = None, True
        del pending[:CHUNK]

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
