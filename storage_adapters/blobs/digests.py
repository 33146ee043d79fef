"""Size and checksums of a byte stream. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

import google_crc32c

from storage_adapters.errors import ChecksumMismatch
from storage_adapters.records import BlobInfo

CHECKSUMS = ("md5", "crc32c", "sha256")
ALWAYS = ("crc32c", "sha256")


class Digests:
    """Byte count and hashes; SHA-256 and CRC32C unless ``checksums`` is None, MD5 on request."""

    def __init__(self, checksums: Iterable[str] | None = ()) -> None:
        self.size = 0
        wanted = set() if checksums is None else {*checksums, *ALWAYS}
        unknown = wanted.difference(CHECKSUMS)
        if unknown:
            raise ValueError(f"unknown checksum: {', '.join(sorted(unknown))}")
        self._crc32c = 0 if "crc32c" in wanted else None
        self._sha256 = hashlib.sha256() if "sha256" in wanted else None
        self._md5 = hashlib.md5(usedforsecurity=False) if "md5" in wanted else None

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Hash the next bytes; other threads can run meanwhile."""
        for each in (self._sha256, self._md5):
            if each is not None:
                each.update(data)
        if self._crc32c is not None:
            # The extension accepts only bytes; for bytes this makes no copy.
            self._crc32c = google_crc32c.extend(self._crc32c, bytes(data))
        self.size += data.nbytes if isinstance(data, memoryview) else len(data)

    def checksums(self) -> dict[str, str | None]:
        """Return the checksums so far in lower-case hex, None for those that are not computed."""
        return {
            "md5": None if self._md5 is None else self._md5.hexdigest(),
            "crc32c": None if self._crc32c is None else f"{self._crc32c:08x}",
            "sha256": None if self._sha256 is None else self._sha256.hexdigest(),
        }

    def described(self, info: BlobInfo) -> BlobInfo:
        """Return the description of a blob with the size and the checksums so far."""
        known = self.checksums()
        return replace(info, size=self.size, md5=known["md5"], crc32c=known["crc32c"], sha256=known["sha256"])

    def check(self, declared: Mapping[str, object]) -> None:
        """Compare with the declared values (None = not declared). Raises ChecksumMismatch.

        Raises ValueError for a declared value that is unknown or not computed.
        """
        actual: dict[str, object] = {"size": self.size, **self.checksums()}
        for field, value in declared.items():
            if value is None:
                continue
            if actual.get(field) is None:
                raise ValueError(f"{field} was declared but is not computed")
            if (value.lower() if isinstance(value, str) else value) != actual[field]:
                raise ChecksumMismatch(field, value, actual[field])
