"""The capability by which two stores are compared: sums over their records. What a hash is made of is ``codec``'s."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from storage_adapters.codec import digest_halves
from storage_adapters.records import FileRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestBucket:
    """Number of records in a parity bucket and the sums of both halves of their hashes (``codec.digest_halves``)."""

    files: int = 0
    high: int = 0
    low: int = 0


class SupportsDigest(ABC):
    """A summary of all records, kept up to date by every write, by which two stores are compared without a scan."""

    @abstractmethod
    def digest(self) -> list[DigestBucket]:
        """Return ``codec.DIGEST_BUCKETS`` buckets; equal lists mean equal records."""

    @abstractmethod
    def bucket_digest(self, bucket: int) -> DigestBucket:
        """Return one bucket of the digest, at the cost of that one."""

    @abstractmethod
    def bucket_revisions(self, bucket: int) -> dict[str, int]:
        """Return the revision of every file in one bucket, by file id."""

    def bucket_hashes(self, bucket: int) -> dict[str, tuple[int, int]]:
        """Return, by file id, both halves of every file's hash in one bucket, as its sums are made of them.

        Where the store keeps hashes, they are what is returned, and records are not read.
        """
        return {record.file_id: digest_halves(record) for record in self.bucket_records(bucket)}

    @abstractmethod
    def bucket_records(self, bucket: int) -> Iterator[FileRecord]:
        """Yield every record of one bucket, in any order; one that is written meanwhile as before, as after, or not.

        What is yielded is what is stored, not what an index says of it.
        """
