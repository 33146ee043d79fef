"""Reading of one blob, piece by piece; the next ones are fetched while one is given out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress

from storage_adapters.blobs.keys import check_key, check_range
from storage_adapters.blobs.nodes.blobs import Blobs, FoundBlob
from storage_adapters.blobs.nodes.cluster import translated
from storage_adapters.blobs.nodes.description import HASH_BYTES, PIECE_BYTES
from storage_adapters.blobs.nodes.protocol.naming import piece_names
from storage_adapters.blobs.nodes.protocol.reading import Found
from storage_adapters.errors import BlobDamaged, BlobNotFound, StorageError
from storage_adapters.ports.blobs import BlobStore
from storage_adapters.records import BlobInfo

STEP_BYTES = 1024 * 1024
# With the one that is given out, a reader keeps at most four pieces.
PIECES_AHEAD = 2
# A range below it is passed through as it comes; of more, the whole chunk is read and compared with its hash.
THROUGH_BYTES = 1024 * 1024


class BlobReader:
    """Bytes of the blob of a key, or of exactly one generation of it."""

    def __init__(self, blobs: Blobs, key: str, generation: str | None) -> None:
        self._blobs, self._key, self._generation = blobs, key, generation

    def pieces(self, offset: int, length: int | None) -> Iterator[bytes]:
        """Return the bytes of a range, in steps of at most 1 MiB. Raises BlobNotFound, StorageUnavailable at once."""
        check_range(offset, length)
        is_small = length is not None and length < THROUGH_BYTES
        found = self._find(offset, max(1, length or 1)) if is_small else self._find(0, None)
        size = found.description.info.size
        end = size if length is None else min(size, offset + length)
        if offset >= end:
            return iter(())
        if found.description.inline:
            return _steps(found.data[: end - offset] if is_small else found.data[offset:end])
        if is_small:
            found = self._find(0, None)
        return self._of_pieces(found, offset, end)

    def _find(self, offset: int, length: int | None) -> FoundBlob:
        return self._blobs.find(self._key, offset, length, generation=self._generation)

    def _of_pieces(self, found: FoundBlob, offset: int, end: int) -> Iterator[bytes]:
        names = piece_names(found.chunk_id)
        numbers = range(offset // PIECE_BYTES, (end - 1) // PIECE_BYTES + 1)
        waiting: list[tuple[int, Future[Found]]] = []
        for number in numbers:
            waiting.append((number, self._begin(found, names[number], number, offset, end)))
            if len(waiting) > PIECES_AHEAD:
                yield from self._given(found, *waiting.pop(0), offset, end)
        for each in waiting:
            yield from self._given(found, *each, offset, end)

    def _begin(self, found: FoundBlob, name: str, number: int, offset: int, end: int) -> Future[Found]:
        sha256 = _hash_of(found, number)
        first, last = _range(number, offset, end)
        if last - first < THROUGH_BYTES:
            return self._blobs.read_chunk(name, sha256, first, last - first)
        return self._blobs.read_chunk(name, sha256)

    def _given(self, found: FoundBlob, number: int, future: Future[Found], offset: int, end: int) -> Iterator[bytes]:
        first, last = _range(number, offset, end)
        try:
            with translated():
                data = future.result().data
        except (BlobNotFound, BlobDamaged) as error:
            yield from _steps(self._of_another_generation(found, number, error)[first:last])
        else:
            yield from _steps(data if last - first < THROUGH_BYTES else data[first:last])

    def _of_another_generation(self, found: FoundBlob, number: int, error: BlobNotFound | BlobDamaged) -> bytes:
        """Return the same piece of another generation, as its hash tells. Raises BlobDamaged.

        A writer that gave way may have left its index, and removed its pieces.
        """
        for index in self._blobs.generations(self._key):
            names = piece_names(index)
            if index != found.chunk_id and number < len(names):
                with suppress(StorageError), translated():
                    data: bytes = self._blobs.read_chunk(names[number], _hash_of(found, number)).result().data
                    return data
        if isinstance(error, BlobDamaged):
            raise error
        raise BlobDamaged(f"a piece of blob {self._key} is lost") from error


class ReadsBlobs(BlobStore):
    """The reads of a store over nodes."""

    _blobs: Blobs
    _bucket: str

    @property
    def bucket(self) -> str:
        """See ``BlobStore``."""
        return self._bucket

    def head(self, key: str) -> BlobInfo:
        """See ``BlobStore``."""
        return self._blobs.head(check_key(key)).info

    def get(
        self, key: str, *, offset: int = 0, length: int | None = None, generation: str | None = None
    ) -> Iterator[bytes]:
        """See ``BlobStore``."""
        return BlobReader(self._blobs, check_key(key), generation).pieces(offset, length)

    def ping(self) -> None:
        """See ``BlobStore``."""
        self._blobs.ping()


def _hash_of(found: FoundBlob, number: int) -> str:
    return found.data[number * HASH_BYTES : (number + 1) * HASH_BYTES].hex()


def _range(number: int, offset: int, end: int) -> tuple[int, int]:
    """Return the range of a piece that is in the range of the blob."""
    start = number * PIECE_BYTES
    return max(0, offset - start), min(PIECE_BYTES, end - start)


def _steps(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), STEP_BYTES):
        yield data[start : start + STEP_BYTES]
