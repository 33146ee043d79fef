"""Parity sums in memory: added up from the hashes of everything that is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from storage_adapters.codec import DIGEST_BUCKETS
from storage_adapters.ports.digest import DigestBucket


def sum_up(hashes: Iterable[tuple[int, tuple[int, int]]]) -> list[DigestBucket]:
    """Return all buckets of the digest of these hashes, each given as its bucket and its halves."""
    files, high, low = Counter[int](), Counter[int](), Counter[int]()
    for bucket, halves in hashes:
        files[bucket] += 1
        high[bucket] += halves[0]
        low[bucket] += halves[1]
    return [DigestBucket(files=files[n], high=high[n], low=low[n]) for n in range(DIGEST_BUCKETS)]
