"""Writes one object: small ones in one request, big ones by a session, in chunks of 4 MiB.

The last chunk is kept back until ``commit`` has compared what was declared: nothing wrong is ever visible. A session
that is not finished leaves nothing.
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
# What we keep with an object of ours. Nobody else can set it: an upload by signed URL sends signed headers alone.
SHA256 = "files-sha256"
CREATED_AT = "files-created-at"
WRITER = "files-writer"


class GcsBlobWriter(BlobWriter):
    """Holds at most one chunk and a piece of what the caller gives it at a time."""

    def __init__(
        self,
        api: GcsApi,
        name: str,
        info_of: Callable[[Any], BlobInfo],
        *,
        content_type: str,
        now: int,
        digests: Digests,
    ) -> None:
        self._api, self._name, self._info_of = api, name, info_of
        self._content_type = content_type
        self._digests = digests
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
                    # One byte more than a chunk: what is sent is never the end.
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
                        self._api.insert(self._name, bytes(pending), content_type=self._content_type, metadata=metadata)
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
                uri = self._api.start_session(self._name, content_type=self._content_type, metadata=self._metadata)
                self._session = UploadSession(self._api.session, uri, self._api.timeout)
            if self._session is not None:
                self._session.send(bytes(pending[:CHUNK]), last=False)
        except OtherGeneration:
            # Somebody else was faster, which commit reports; until then the bytes are taken in vain.
            self._session, self._beaten = None, True
        del pending[:CHUNK]

    def _stored(self, sha256: str) -> BlobInfo:
        """What is there now, if this writer wrote it - also when an answer was lost and the request was sent again."""
        blob = self._found()
        if SHA256 not in blob.metadata:
            try:
                blob = self._api.add_metadata(blob, {SHA256: sha256})
            except BlobNotFound:
                raise StorageUnavailable("Cloud Storage: the object was removed while it was written") from None
            except OtherGeneration:
                # The answer to this very change may have been the one that was lost.
                blob = self._found()
                if SHA256 not in blob.metadata:
                    raise StorageUnavailable("Cloud Storage: the object was changed while it was written") from None
        return self._info_of(blob)

    def _found(self) -> Any:
        """The object that this writer wrote. Raises BlobExists for another's."""
        try:
            blob = self._api.find(self._name)
        except BlobNotFound:
            raise StorageUnavailable("Cloud Storage: the object was removed while it was written") from None
        if (blob.metadata or {}).get(WRITER) != self._token:
            raise BlobExists(self._info_of(blob))
        if (blob.size, hex_of(blob.crc32c)) != (self._digests.size, self._digests.checksums()["crc32c"]):
            self._api.delete(self._name, str(blob.generation))
            raise StorageUnavailable("Cloud Storage: the bytes were damaged on the way")
        return blob
