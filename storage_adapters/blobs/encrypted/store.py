"""A blob store over another one, in which bytes are stored encrypted.

1. Blobs that were stored before are read as they are: encrypted ones have the content type ``layout.CONTENT_TYPE``.
2. A blob that was altered or cut is not read: its ``size`` is 0, or reading raises BlobDamaged.
3. A store whose signed URLs lead past the gateway has no signed URLs here, because bytes would be sent there
   unencrypted; unless it is told that the encryption of the inner store is enough for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from storage_adapters.blobs.digests import Digests
from storage_adapters.blobs.encrypted.layout import (
    CONTENT_TYPE,
    FOOTER,
    FRAME,
    SEALED_FRAME,
    Damaged,
    Footer,
    open_footer,
    open_frame,
    stored_size,
)
from storage_adapters.blobs.encrypted.writer import EncryptedBlobWriter, seal_whole, shown
from storage_adapters.blobs.keys import check_key, check_range
from storage_adapters.errors import BlobDamaged, BlobExists, BlobNotFound, StorageUnavailable
from storage_adapters.ports.blob_capabilities import SupportsWholeWrites
from storage_adapters.ports.blobs import BlobStore, BlobWriter
from storage_adapters.ports.keys import TenantKeys
from storage_adapters.records import BlobInfo

# A blob in clear is replaced once by its encrypted form; a deletion and a new blob may come on top of that.
_LOOKS = 4


class EncryptedBlobStore(BlobStore, SupportsWholeWrites):
    """Blobs that another store keeps encrypted."""

    def __init__(self, inner: BlobStore, keys: TenantKeys) -> None:
        self._inner = self.url_store = inner
        self._keys = keys

    @property
    def bucket(self) -> str:
        """See ``BlobStore``."""
        return self._inner.bucket

    def writer(self, key: str, *, content_type: str, now: int, checksums: Iterable[str] | None = ()) -> BlobWriter:
        """See ``BlobStore``. Raises KeyUnavailable."""
        digests = Digests(checksums)
        try:
            inner = self._inner.writer(key, content_type=CONTENT_TYPE, now=now, checksums=None)
        except BlobExists as error:
            raise self._exists(error) from None
        return EncryptedBlobWriter(inner, digests, self._keys.current(key), content_type, exists=self._exists)

    def write_whole(
        self, key: str, data: bytes | bytearray | memoryview, *, sha256: str | None, content_type: str, now: int
    ) -> None:
        """See ``SupportsWholeWrites``. Raises KeyUnavailable."""
        sealed = seal_whole(data, sha256, self._keys.current(check_key(key)), content_type)
        try:
            if isinstance(self._inner, SupportsWholeWrites):
                self._inner.write_whole(key, sealed, sha256=None, content_type=CONTENT_TYPE, now=now)
            else:
                self._inner.put(key, [bytes(sealed)], content_type=CONTENT_TYPE, now=now)
        except BlobExists as error:
            raise self._exists(error) from None

    def head(self, key: str) -> BlobInfo:
        """See ``BlobStore``. Raises KeyUnavailable."""
        return self._look(self._inner.head(key))

    def get(
        self, key: str, *, offset: int = 0, length: int | None = None, generation: str | None = None
    ) -> Iterator[bytes]:
        """See ``BlobStore``. Raises KeyUnavailable."""
        check_range(offset, length)
        for _ in range(_LOOKS):
            stored = self._inner.head(key)
            if is_encrypted(stored):
                return self._get(stored, offset, length, generation)
            if generation not in (None, stored.generation):
                raise BlobNotFound(f"blob {key} was replaced")
            # ``reseal`` may put the encrypted blob there at any moment.
            with suppress(BlobNotFound):
                return self._inner.get(key, offset=offset, length=length, generation=stored.generation)
        raise StorageUnavailable(f"blob {key} is replaced again and again")

    def _get(self, stored: BlobInfo, offset: int, length: int | None, generation: str | None) -> Iterator[bytes]:
        key = stored.key
        with damage_reported(key):
            footer = self._footer(stored)
        if generation not in (None, shown(stored, footer.description).generation):
            raise BlobNotFound(f"blob {key} was replaced")
        size = footer.description.size
        end = size if length is None else min(offset + length, size)
        if offset >= end:
            return iter(())
        first, behind = offset // FRAME, -(-end // FRAME)
        sealed = self._inner.get(
            key,
            offset=first * SEALED_FRAME,
            length=min(behind * SEALED_FRAME, stored_size(size) - FOOTER) - first * SEALED_FRAME,
            generation=stored.generation,
        )
        return _opened(footer, key, sealed, first, offset, end)

    def delete(self, key: str, *, generation: str | None = None) -> None:
        """See ``BlobStore``. The generation "" is that of the store below."""
        if generation:
            try:
                stored = self._inner.head(key)
            except BlobNotFound:
                return
            if generation != stored.generation and generation != self._look(stored).generation:
                return
            generation = stored.generation
        self._inner.delete(key, generation=generation)

    def delete_many(self, keys: Sequence[str], *, generations: Mapping[str, str | None] | None = None) -> None:
        """See ``BlobStore``."""
        self._inner.delete_many(keys, generations=generations)

    def ping(self) -> None:
        """See ``BlobStore``."""
        self._inner.ping()

    def close(self) -> None:
        """See ``BlobStore``."""
        self._inner.close()

    def _look(self, stored: BlobInfo) -> BlobInfo:
        """Return what callers see of a blob; one whose footer is damaged has size 0."""
        if not is_encrypted(stored):
            return stored
        try:
            return shown(stored, self._footer(stored).description)
        except Damaged:
            return replace(stored, size=0, md5=None, crc32c=None, sha256=None)

    def _footer(self, stored: BlobInfo) -> Footer:
        """Read and open the footer of a blob. Raises Damaged, KeyUnavailable, BlobNotFound."""
        start = max(0, stored.size - FOOTER)
        pieces = self._inner.get(stored.key, offset=start, length=FOOTER, generation=stored.generation)
        footer = open_footer(b"".join(pieces), self._keys)
        if stored_size(footer.description.size) != stored.size:
            raise Damaged("bytes were cut off or added")
        return footer

    def _exists(self, error: BlobExists) -> BlobExists:
        return BlobExists(self._look(error.info))


@contextmanager
def damage_reported(key: str) -> Iterator[None]:
    """Turn Damaged into BlobDamaged."""
    try:
        yield
    except Damaged as error:
        raise BlobDamaged(f"the bytes of blob {key} are damaged: {error}") from None


def is_encrypted(stored: BlobInfo) -> bool:
    """Return True when the inner store's blob is encrypted."""
    return stored.content_type == CONTENT_TYPE


def _opened(footer: Footer, key: str, sealed: Iterator[bytes], number: int, offset: int, end: int) -> Iterator[bytes]:
    """Yield the content from ``offset`` to ``end``; ``sealed`` begins with the frame ``number``."""
    with damage_reported(key):
        for frame in _frames(sealed):
            content = open_frame(footer.cipher, number, frame)
            start = number * FRAME
            if start >= offset and start + len(content) <= end:
                yield content
            else:
                yield content[max(0, offset - start) : end - start]
            number += 1


def _frames(pieces: Iterator[bytes]) -> Iterator[bytes | memoryview]:
    """Cut a stream into sealed frames; the last one may be shorter. Only frames that two pieces share are copied."""
    rest = b""
    for piece in pieces:
        view, place = memoryview(piece), 0
        if rest:
            place = SEALED_FRAME - len(rest)
            rest += view[:place]
            if len(rest) < SEALED_FRAME:
                continue
            yield rest
        while len(view) - place >= SEALED_FRAME:
            yield view[place : place + SEALED_FRAME]
            place += SEALED_FRAME
        rest = bytes(view[place:])
    if rest:
        yield rest
