"""Sums of the parity digest's hash: the fields `Bf`, `Bh` and `Bl` of each bucket B. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

from storage_adapters.codec import DIGEST_BUCKETS
from storage_adapters.ports.digest import DigestBucket


def digest_of(sums: Mapping[bytes, bytes | None]) -> list[DigestBucket]:
    """Parse the hash of sums."""
    return [bucket_of(number, sums) for number in range(DIGEST_BUCKETS)]


def sum_fields(bucket: int) -> tuple[bytes, bytes, bytes]:
    """Return the fields of a bucket in that hash."""
    return b"%df" % bucket, b"%dh" % bucket, b"%dl" % bucket


def bucket_of(bucket: int, sums: Mapping[bytes, bytes | None]) -> DigestBucket:
    """Parse a bucket's fields; a missing one is 0."""
    files, high, low = (int(sums.get(field) or 0) for field in sum_fields(bucket))
    return DigestBucket(files=files, high=high, low=low)
