"""Parity sums from the view of digests of a database."""

from __future__ import annotations

from storage_adapters.codec import DIGEST_BUCKETS
from storage_adapters.metadata.couchdb.database import Database
from storage_adapters.metadata.couchdb.views import DESIGNS
from storage_adapters.ports.digest import DigestBucket
from storage_adapters.records import JSON


def digest_of(database: Database) -> list[DigestBucket]:
    """Read the sums of all buckets."""
    buckets = {row["key"]: bucket_of(row) for row in database.view(DESIGNS["digest"].name, group=True)}
    return [buckets.get(number, DigestBucket()) for number in range(DIGEST_BUCKETS)]


def bucket_of(row: JSON) -> DigestBucket:
    """Parse a row of sums."""
    files, high, low, _ = row["value"]
    return DigestBucket(files=int(files), high=int(high), low=int(low))
