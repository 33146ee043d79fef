"""Comparison and copies of files in memory: the digest is computed when asked for."""

from __future__ import annotations

from _thread import RLock
from collections.abc import Iterator, Sequence

from storage_adapters.codec import digest_bucket, digest_halves
from storage_adapters.metadata.memory.feed import copy_record
from storage_adapters.metadata.memory.sums import sum_up
from storage_adapters.ports.digest import DigestBucket, SupportsDigest
from storage_adapters.ports.metadata import SupportsReplication
from storage_adapters.records import FileRecord, Tombstone


class MemoryReplication(SupportsDigest, SupportsReplication):
    """Digest and copies of the records behind the lock of the store."""

    _lock: RLock

    def __init__(self) -> None:
        super().__init__()
        self._records: dict[str, FileRecord] = {}
        self._tombstones: dict[str, Tombstone] = {}

    def digest(self) -> list[DigestBucket]:
        """See ``SupportsDigest``."""
        with self._lock:
            return sum_up((digest_bucket(file_id), digest_halves(record)) for file_id, record in self._records.items())

    def bucket_digest(self, bucket: int) -> DigestBucket:
        """See ``SupportsDigest``."""
        halves = self.bucket_hashes(bucket).values()
        return DigestBucket(files=len(halves), high=sum(high for high, _ in halves), low=sum(low for _, low in halves))

    def bucket_revisions(self, bucket: int) -> dict[str, int]:
        """See ``SupportsDigest``."""
        return {record.file_id: record.revision for record in self.bucket_records(bucket)}

    def bucket_records(self, bucket: int) -> Iterator[FileRecord]:
        """See ``SupportsDigest``."""
        with self._lock:
            found = [record for i, record in self._records.items() if digest_bucket(i) == bucket]
        yield from map(copy_record, found)

    def replicate(self, copies: Sequence[FileRecord | Tombstone], *, force: bool = False) -> list[bool]:
        """See ``SupportsReplication``."""
        return [self._replicate(copy, force=force) for copy in copies]

    def discard(self, file_ids: Sequence[str]) -> int:
        """See ``SupportsReplication``."""
        with self._lock:
            return sum(self._remove(file_id) is not None for file_id in file_ids)

    def _replicate(self, copy: FileRecord | Tombstone, *, force: bool) -> bool:
        with self._lock:
            stored = self._records.get(copy.file_id) or self._tombstones.get(copy.file_id)
            wanted = stored is None or (stored != copy if force else stored.revision < copy.revision)
            if wanted:
                self._remove(copy.file_id)
                if isinstance(copy, Tombstone):
                    self._tombstones[copy.file_id] = copy
                else:
                    self._records[copy.file_id] = copy_record(copy)
            return wanted

    def _remove(self, file_id: str) -> FileRecord | Tombstone | None:
        return self._records.pop(file_id, None) or self._tombstones.pop(file_id, None)
