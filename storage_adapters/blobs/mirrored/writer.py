"""Writer of a blob and of its copy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from storage_adapters.errors import BlobExists
from storage_adapters.ports.blob_capabilities import SupportsTwins, TwinWriter
from storage_adapters.ports.blobs import BlobWriter
from storage_adapters.records import BlobInfo


class MirroredBlobWriter(BlobWriter):
    """Writer to two stores; ``exists`` completes a blob that is there already."""

    def __init__(self, first: BlobWriter, twin: TwinWriter, *, exists: Callable[[BlobExists], BlobExists]) -> None:
        self._first, self._twin, self._exists = first, twin, exists

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See ``BlobWriter``."""
        try:
            self._first.write(data)
            self._twin.write(data)
        except BaseException:
            self.abort()
            raise

    def commit(self, *, declared: Mapping[str, object]) -> BlobInfo:
        """See ``BlobWriter``."""
        try:
            info = self._first.commit(declared=declared)
            # Somebody who met the blob in the first store may have copied it already.
            with suppress(BlobExists):
                self._twin.commit_as(info)
        except BlobExists as error:
            self.abort()
            raise self._exists(error) from None
        except BaseException:
            self.abort()
            raise
        return info

    def abort(self) -> None:
        """See ``BlobWriter``."""
        self._first.abort()
        self._twin.abort()


def write_twin(store: SupportsTwins, info: BlobInfo, pieces: Iterable[bytes | bytearray | memoryview]) -> None:
    """Write the copy of a blob with these bytes. Raises BlobExists."""
    writer = store.twin_writer(info.key, content_type=info.content_type, now=info.created_at)
    try:
        for piece in pieces:
            writer.write(piece)
        writer.commit_as(info)
    finally:
        writer.abort()
