"""The port of blob stores and its optional capabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence

from storage_adapters.records import BlobInfo


class BlobWriter(ABC):
    """A blob that is being written. Nothing is visible before ``commit``; a writer that is dropped leaves nothing."""

    @abstractmethod
    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes; their checksums are computed on the way."""

    @abstractmethod
    def commit(self, *, declared: Mapping[str, object]) -> BlobInfo:
        """Put the blob on stable storage under its key, then return what it is.

        ``declared`` may hold ``size``, ``md5``, ``crc32c``, ``sha256`` (None = not declared).

        Raises ChecksumMismatch when one of them differs, BlobExists when the key is taken (also when a concurrent
        writer was faster); both leave nothing behind.
        """

    @abstractmethod
    def abort(self) -> None:
        """Discard what was written. Harmless after ``commit`` or twice."""


class BlobStore(ABC):
    """Blobs by key in one bucket. A blob is written once, whole, and never changed."""

    @property
    @abstractmethod
    def bucket(self) -> str:
        """The name by which records and notifications refer to this store."""

    @abstractmethod
    def writer(self, key: str, *, content_type: str, now: int, checksums: Iterable[str] | None = ()) -> BlobWriter:
        """Begin to write a blob. The store may keep other ``checksums`` besides these; with None it may keep none.

        Raises InvalidKey; raises BlobExists when the key is taken already.
        """

    @abstractmethod
    def head(self, key: str) -> BlobInfo:
        """Return what is known of the blob. Raises BlobNotFound, also when its bytes are gone, or InvalidKey.

        Raises BlobDamaged when what was known of it is damaged; the blob can be written again then.
        ``size`` is that of the bytes that are there. When they were cut, checksums of the whole are left out, and the
        blob can be deleted by its generation and written again.
        """

    @abstractmethod
    def get(
        self, key: str, *, offset: int = 0, length: int | None = None, generation: str | None = None
    ) -> Iterator[bytes]:
        """Yield the bytes in pieces of at most 1 MiB; a range past the end is cut. Raises BlobNotFound, InvalidKey.

        With ``generation`` only that very blob is read: BlobNotFound is raised when another has taken its place.
        """

    @abstractmethod
    def delete(self, key: str, *, generation: str | None = None) -> None:
        """Remove the blob, durably. Does nothing when there is none. Raises InvalidKey.

        With ``generation`` only that very blob is removed: another that has taken its place meanwhile stays.
        """

    @abstractmethod
    def ping(self) -> None:
        """Return when the store can take a write."""

    @abstractmethod
    def close(self) -> None:
        """Release what is open. Closing twice is harmless."""

    def put(
        self,
        key: str,
        pieces: Iterable[bytes],
        *,
        content_type: str,
        now: int,
        declared: Mapping[str, object] | None = None,
    ) -> BlobInfo:
        """Write a whole blob from an iterable; errors as ``writer`` and ``BlobWriter.commit``."""
        wanted = declared or {}
        names = [name for name in ("md5", "crc32c", "sha256") if wanted.get(name)]
        writer = self.writer(key, content_type=content_type, now=now, checksums=names)
        try:
            for piece in pieces:
                writer.write(piece)
            return writer.commit(declared=wanted)
        finally:
            writer.abort()

    def delete_many(self, keys: Sequence[str], *, generations: Mapping[str, str | None] | None = None) -> None:
        """Remove these blobs, whatever they are, durably; after an error any of them may be left. Raises InvalidKey.

        ``generations`` has those that the caller knows, which spares a store to look; they may be wrong.
        """
        for key in keys:
            self.delete(key)
