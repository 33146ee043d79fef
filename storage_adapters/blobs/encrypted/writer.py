"""Writer of one encrypted blob."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage_adapters.blobs.digests import Digests
from storage_adapters.blobs.encrypted.layout import (
    FOOTER,
    FRAME,
    SEALED_FRAME,
    TAG,
    Description,
    make_footer,
    seal_frame,
    seal_frame_into,
    stored_size,
)
from storage_adapters.errors import BlobExists
from storage_adapters.ports.blobs import BlobWriter
from storage_adapters.ports.keys import KEY_BYTES, NamedKey
from storage_adapters.records import BlobInfo


class EncryptedBlobWriter(BlobWriter):
    """Writer that seals frames as soon as they are full; checksums are those of the content."""

    def __init__(
        self,
        inner: BlobWriter,
        digests: Digests,
        key: NamedKey,
        content_type: str,
        *,
        generation: str | None = None,
        exists: Callable[[BlobExists], BlobExists],
    ) -> None:
        self._inner = inner
        self._digests = digests
        self._key = key
        self._content_type = content_type
        self._generation = generation
        self._exists = exists
        self._data_key = secrets.token_bytes(KEY_BYTES)
        self._cipher = AESGCM(self._data_key)
        self._buffer = bytearray()
        self._frames = 0
        self._is_open = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See ``BlobWriter``."""
        self._require_open()
        self._digests.update(data)
        with memoryview(data).cast("B") as rest:
            place = 0
            while place < len(rest):
                if not self._buffer and len(rest) - place >= FRAME:
                    self._seal(rest[place : place + FRAME])
                    place += FRAME
                    continue
                taken = min(FRAME - len(self._buffer), len(rest) - place)
                self._buffer += rest[place : place + taken]
                place += taken
                if len(self._buffer) == FRAME:
                    self._seal_buffer()

    def commit(self, *, declared: Mapping[str, object]) -> BlobInfo:
        """See ``BlobWriter``."""
        self._require_open()
        try:
            self._digests.check(declared)
            if self._buffer:
                self._seal_buffer()
            described = Description(
                size=self._digests.size,
                content_type=self._content_type,
                generation=self._generation,
                **self._digests.checksums(),
            )
            self._inner.write(make_footer(self._data_key, self._key, described))
            return shown(self._inner.commit(declared={}), described)
        except BlobExists as error:
            raise self._exists(error) from None
        finally:
            self.abort()

    def abort(self) -> None:
        """See ``BlobWriter``."""
        self._is_open = False
        self._inner.abort()

    def _require_open(self) -> None:
        if not self._is_open:
            raise ValueError("the writer is closed")

    def _seal_buffer(self) -> None:
        self._seal(self._buffer)
        self._buffer.clear()

    def _seal(self, content: bytearray | memoryview) -> None:
        self._inner.write(seal_frame(self._cipher, self._frames, content))
        self._frames += 1


def seal_whole(
    content: bytes | bytearray | memoryview, sha256: str | None, key: NamedKey, content_type: str
) -> bytearray:
    """Return the stored form of a content that is in memory."""
    data_key = secrets.token_bytes(KEY_BYTES)
    cipher = AESGCM(data_key)
    with memoryview(content).cast("B") as view:
        sealed = bytearray(stored_size(len(view)))
        with memoryview(sealed) as target:
            for number, place in enumerate(range(0, len(view), FRAME)):
                frame = view[place : place + FRAME]
                start = number * SEALED_FRAME
                seal_frame_into(cipher, number, frame, target[start : start + len(frame) + TAG])
        described = Description(size=len(view), content_type=content_type, sha256=sha256)
    sealed[-FOOTER:] = make_footer(data_key, key, described)
    return sealed


def shown(stored: BlobInfo, described: Description) -> BlobInfo:
    """Return the description of an encrypted blob as callers see it."""
    return BlobInfo(
        bucket=stored.bucket,
        key=stored.key,
        size=described.size,
        content_type=described.content_type,
        created_at=stored.created_at,
        generation=described.generation or stored.generation,
        **described.checksums,
    )
