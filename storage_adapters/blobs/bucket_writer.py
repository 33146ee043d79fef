"""Writer of one object of a bucket, which is sent whole or in pieces."""

from __future__ import annotations

import secrets
from abc import abstractmethod

from storage_adapters.blobs.digests import Digests
from storage_adapters.ports.blobs import BlobWriter

# Metadata that marks our objects. Nobody else can set it: an upload by signed URL sends only signed headers.
CREATED_AT = "files-created-at"
WRITER = "files-writer"


class BucketWriter(BlobWriter):
    """Writer with at most one piece to be sent and one piece of the caller's data in memory.

    A piece is sent when there is a byte more: the last one is left to ``commit``, which checks the declaration before.
    """

    step: int

    def __init__(self, name: str, *, content_type: str, now: int, digests: Digests) -> None:
        self._name, self._content_type, self._digests = name, content_type, digests
        self._token = secrets.token_hex(16)
        self._metadata = {CREATED_AT: str(now), WRITER: self._token}
        self._pending: bytearray | None = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See ``BlobWriter``."""
        pending = self._opened()
        try:
            self._digests.update(data)
            with memoryview(data).cast("B") as view:
                for start in range(0, len(view), self.step):
                    pending += view[start : start + self.step]
                    size = self._piece_bytes()
                    if len(pending) > size:
                        self._send(bytes(pending[:size]))
                        del pending[:size]
        except BaseException:
            self.abort()
            raise

    def _opened(self) -> bytearray:
        if self._pending is None:
            raise ValueError("the writer is closed")
        return self._pending

    def _piece_bytes(self) -> int:
        """Return the size of the next piece, a multiple of ``step``."""
        return self.step

    @abstractmethod
    def _send(self, content: bytes) -> None:
        """Send the next piece."""
