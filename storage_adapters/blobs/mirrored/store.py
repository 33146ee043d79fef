"""A blob store over two others, each of which keeps every blob.

1. The first store decides: a blob exists from its commit there on, and the first of two writers wins there. The copy
   in the second has the same description. A write returns after both are on stable storage. One that was broken off
   in between leaves a blob with one copy; whoever meets it as BlobExists, or calls ``restore``, completes it.
2. Reads go to the first store, and to the second where the first lacks the blob, has it cut, or does not answer.
3. Writes and deletions need both stores. A deletion that was broken off leaves a copy, which can still be read; doing
   it again removes it.
4. Bytes come through the service: neither store has signed URLs that lead past it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

from storage_adapters.blobs.keys import check_key
from storage_adapters.blobs.mirrored.writer import MirroredBlobWriter, write_twin
from storage_adapters.errors import BlobExists, BlobNotFound, StorageError, StorageUnavailable
from storage_adapters.ports.blob_capabilities import (
    BlobCopy,
    SupportsColdReads,
    SupportsCopyRepair,
    SupportsTwins,
    SupportsWholeWrites,
)
from storage_adapters.ports.blobs import BlobStore, BlobWriter
from storage_adapters.records import BlobInfo

R = TypeVar("R")


class TwinStore(BlobStore, SupportsTwins, SupportsWholeWrites):
    """A store that can be one of the two."""


class MirroredBlobStore(BlobStore, SupportsCopyRepair, SupportsWholeWrites, SupportsColdReads):
    """Blobs that two stores keep."""

    def __init__(self, first: TwinStore, second: TwinStore, domains: tuple[str, str] | None) -> None:
        self._first, self._second = first, second
        self.url_store: BlobStore = first
        self._domains = domains

    @property
    def bucket(self) -> str:
        """See ``BlobStore``."""
        return self._first.bucket

    def writer(self, key: str, *, content_type: str, now: int, checksums: Iterable[str] | None = ()) -> BlobWriter:
        """See ``BlobStore``."""
        self._require_no_copy(key)
        try:
            first = self._first.writer(key, content_type=content_type, now=now, checksums=checksums)
        except BlobExists as error:
            raise self._complete(error) from None
        twin = self._second.twin_writer(key, content_type=content_type, now=now)
        return MirroredBlobWriter(first, twin, exists=self._complete)

    def write_whole(
        self, key: str, data: bytes | bytearray | memoryview, *, sha256: str | None, content_type: str, now: int
    ) -> None:
        """See ``SupportsWholeWrites``."""
        self._require_no_copy(key)
        try:
            self._first.write_whole(key, data, sha256=sha256, content_type=content_type, now=now)
        except BlobExists as error:
            raise self._complete(error) from None
        with suppress(BlobExists):
            write_twin(self._second, self._first.head(key), [data])

    def head(self, key: str) -> BlobInfo:
        """See ``BlobStore``."""
        try:
            found = self._first.head(key)
        except (BlobNotFound, StorageUnavailable) as error:
            return _instead(error, lambda: self._second.head(key))
        if found.sha256 is None and found.crc32c is None:
            # Cut, as far as the description goes: the checksums of the whole are left out then.
            with suppress(BlobNotFound, StorageUnavailable):
                twin = self._second.head(key)
                return twin if twin.generation == found.generation and twin.size > found.size else found
        return found

    def get(
        self, key: str, *, offset: int = 0, length: int | None = None, generation: str | None = None
    ) -> Iterator[bytes]:
        """See ``BlobStore``."""
        try:
            pieces = self._first.get(key, offset=offset, length=length, generation=generation)
        except (BlobNotFound, StorageUnavailable) as error:
            return _instead(error, lambda: self._second.get(key, offset=offset, length=length, generation=generation))
        return self._continued(pieces, key, offset, length, generation)

    def delete(self, key: str, *, generation: str | None = None) -> None:
        """See ``BlobStore``."""
        for store in (self._first, self._second):
            store.delete(key, generation=generation)
        # A copy that was being restored meanwhile.
        self._first.delete(key, generation=generation)

    def ping(self) -> None:
        """See ``BlobStore``."""
        self._first.ping()
        self._second.ping()

    def close(self) -> None:
        """See ``BlobStore``."""
        self._first.close()
        self._second.close()

    def copies(self) -> tuple[BlobCopy, ...]:
        """See ``SupportsCopies``."""
        media = _medium(self._first), _medium(self._second)
        first, second = self._domains or media
        # The folder of a disk that is not mounted lies on the disk of another one, whatever the names promise.
        return BlobCopy(first, self._first), BlobCopy(first if media[0] == media[1] else second, self._second)

    def restore(self, key: str) -> int:
        """See ``SupportsCopyRepair``."""
        check_key(key)
        found = [_head(store, key) for store in (self._first, self._second)]
        whole = max((info for info in found if info is not None), key=lambda info: info.size, default=None)
        if whole is None:
            raise BlobNotFound(f"no blob {key}")
        stores = (self._first, self._second)
        source = stores[next(place for place, info in enumerate(found) if info == whole)]
        return sum(
            self._restore_one(source, target, whole, info)
            for target, info in zip(stores, found, strict=True)
            if target is not source
        )

    def forget_cached(self, key: str) -> None:
        """See ``SupportsColdReads``."""
        for store in (self._first, self._second):
            if isinstance(store, SupportsColdReads):
                store.forget_cached(key)

    def _restore_one(self, source: BlobStore, target: TwinStore, whole: BlobInfo, found: BlobInfo | None) -> int:
        if found is not None:
            if found.size == whole.size or found.generation != whole.generation:
                return 0
            target.delete(whole.key, generation=found.generation)
        with suppress(BlobExists):
            write_twin(target, whole, source.get(whole.key, generation=whole.generation))
        if _head(source, whole.key) is None:
            # The blob was deleted while it was copied.
            target.delete(whole.key, generation=whole.generation)
            return 0
        return 1

    def _continued(
        self, pieces: Iterator[bytes], key: str, offset: int, length: int | None, generation: str | None
    ) -> Iterator[bytes]:
        """Yield the pieces of the first store; where these end too early, the rest is the second's."""
        place = offset
        with suppress(BlobNotFound, StorageUnavailable):
            for piece in pieces:
                yield piece
                place += len(piece)
            if length is not None and place == offset + length:
                return
            if self._ends_at(key, place):
                return
        rest = None if length is None else offset + length - place
        yield from self._second.get(key, offset=place, length=rest, generation=generation)

    def _ends_at(self, key: str, place: int) -> bool:
        return self.head(key).size <= place

    def _require_no_copy(self, key: str) -> None:
        """Raise BlobExists for a blob that the second store has; the first one looks for itself when it is written."""
        with suppress(BlobNotFound):
            raise self._complete(BlobExists(self._second.head(key)))

    def _complete(self, error: BlobExists) -> BlobExists:
        """Make the copies of a blob that is there, so that its writer's successor may rely on them."""
        key = error.info.key
        with suppress(BlobNotFound):
            self.restore(key)
            return BlobExists(self.head(key))
        return error


def _head(store: BlobStore, key: str) -> BlobInfo | None:
    try:
        return store.head(key)
    except BlobNotFound:
        return None


def _medium(store: TwinStore) -> str:
    try:
        return store.medium
    except StorageUnavailable:
        return "a disk that does not answer"


def _instead(error: StorageError, read: Callable[[], R]) -> R:
    """Read from the second store after the first failed; the blob is missing only where neither store has it."""
    try:
        return read()
    except BlobNotFound:
        raise error from None
