"""One reading of a blob, with its checksum and its fault."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import google_crc32c
from isal.isal_zlib import crc32

from files_service.services.disk_faults import is_gone
from storage_adapters import (
    BlobDamaged,
    BlobInfo,
    BlobNotFound,
    BlobStore,
    StorageUnavailable,
)


class Reason(StrEnum):
    """Reasons for which bytes are lost."""

    MISSING = "missing"
    CUT = "cut"
    ROTTEN = "rotten"
    UNREADABLE = "unreadable"


def describe(blobs: BlobStore, key: str) -> BlobInfo | Reason:
    """Return the description of a blob, or the reason for which it has none. Raises StorageUnavailable."""
    try:
        return blobs.head(key)
    except BlobDamaged:
        return Reason.ROTTEN
    except BlobNotFound:
        return Reason.MISSING
    except StorageUnavailable as error:
        if not is_gone(blobs, error):
            raise
        return Reason.UNREADABLE


class Reading:
    """One reading of a blob. ``digest`` is "" and ``fault`` set when it could not be read to its end."""

    def __init__(self, blobs: BlobStore, key: str, checksum: str, *, generation: str | None = None) -> None:
        self.digest = ""
        self.size = self.crc32 = 0
        self.fault: Reason | None = None
        self._blobs, self._key, self._checksum, self._generation = blobs, key, checksum, generation

    def pieces(self) -> Iterator[int]:
        """Read and hash; yield the length of each piece. Raises StorageUnavailable when the store does not answer."""
        hashed: Any = _Crc32c() if self._checksum == "crc32c" else hashlib.new(self._checksum)
        try:
            for piece in self._blobs.get(self._key, generation=self._generation):
                hashed.update(piece)
                self.crc32 = crc32(piece, self.crc32)
                self.size += len(piece)
                yield len(piece)
        except BlobDamaged:
            self.fault = Reason.ROTTEN
        except BlobNotFound:
            self.fault = Reason.MISSING
        except StorageUnavailable as error:
            if not is_gone(self._blobs, error):
                raise
            self.fault = Reason.UNREADABLE
        else:
            self.digest = hashed.hexdigest()


class _Crc32c:
    """CRC32C in the manner of hashlib."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        """Add bytes."""
        self._value = google_crc32c.extend(self._value, data)

    def hexdigest(self) -> str:
        """Return the checksum in hex."""
        return f"{self._value:08x}"
