"""Writer of one blob: content and description in a temporary folder, published by a single rename."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from storage_adapters.blobs.digests import Digests
from storage_adapters.blobs.local import disk
from storage_adapters.codec import blob_info_to_document
from storage_adapters.errors import ChecksumMismatch
from storage_adapters.ports.blob_capabilities import TwinWriter
from storage_adapters.records import BlobInfo

CONTENT = "content"
INFO = "info.json"
WRITEBACK_BYTES = 32 * 1024 * 1024


class LocalBlobWriter(TwinWriter):
    """Writer that hashes and writes in the calling thread. ``publish`` moves the finished folder to its place.

    The lock makes ``abort`` wait for a ``write`` in another thread: a descriptor closed during the write may already
    belong to another blob.
    """

    def __init__(
        self,
        folder: Path,
        publish: Callable[[Path, BlobInfo], None],
        info: BlobInfo,
        digests: Digests,
    ) -> None:
        """Begin; ``info`` is the description of the blob before its bytes are known."""
        self._folder, self._publish, self._info, self._digests = folder, publish, info, digests
        self._lock = Lock()
        self._flushed = 0
        self._file: disk.NewFile | None = None
        with self._discarding_on_error(), disk.os_errors_as_unavailable():
            folder.mkdir(mode=disk.FOLDER_MODE)
            self._file = disk.NewFile(folder / CONTENT)

    def __del__(self) -> None:
        self.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See ``BlobWriter``."""
        with self._lock:
            file = self._require_open()
            with self._discarding_on_error(), disk.os_errors_as_unavailable():
                file.write(data)
                self._digests.update(data)
                if self._digests.size - self._flushed >= WRITEBACK_BYTES:
                    self._start_writeback(file)

    def commit(self, *, declared: Mapping[str, object]) -> BlobInfo:
        """See ``BlobWriter``."""
        with self._lock:
            file = self._require_open()
            with self._discarding_on_error():
                self._digests.check(declared)
                info = self._digests.described(self._info)
                self._finish(file, info)
            return info

    def commit_as(self, info: BlobInfo) -> None:
        """See ``TwinWriter``."""
        with self._lock:
            file = self._require_open()
            with self._discarding_on_error():
                if self._digests.size != info.size:
                    raise ChecksumMismatch("size", info.size, self._digests.size)
                self._finish(file, info)

    def abort(self) -> None:
        """See ``BlobWriter``."""
        with self._lock:
            if self._file is not None and self._file.is_open:
                self._discard()

    def _finish(self, file: disk.NewFile, info: BlobInfo) -> None:
        with disk.os_errors_as_unavailable():
            disk.sync_with_description(file, self._folder / INFO, blob_info_to_document(info))
            self._publish(self._folder, info)

    def _require_open(self) -> disk.NewFile:
        if self._file is None or not self._file.is_open:
            raise ValueError("the writer is closed")
        return self._file

    def _start_writeback(self, file: disk.NewFile) -> None:
        # On Linux this starts writing the dirty pages of the range without waiting, and drops only clean ones: the
        # final fsync has little left to do, and a large upload does not fill the memory with dirty pages.
        size = self._digests.size
        os.posix_fadvise(file.descriptor, self._flushed, size - self._flushed, os.POSIX_FADV_DONTNEED)
        self._flushed = size

    def _discard(self) -> None:
        # Leftovers are swept after this process ends.
        with suppress(OSError):
            if self._file is not None:
                self._file.close()
        with suppress(OSError):
            disk.remove_tree(self._folder)

    @contextmanager
    def _discarding_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._discard()
            raise
