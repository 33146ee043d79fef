"""Filling of a store with realistic files: many owners, a large one among them, tags, a few content types.

``python -m benchmarks.filling URL START END STRIPE STRIPES`` is one of several processes that fill a store together.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterable, Iterator
from itertools import islice

from ulid import ULID

from storage_adapters import (
    Access,
    FileRecord,
    FileStatus,
    MetadataStore,
    Part,
    SupportsReplication,
    open_metadata_store,
)

BIG_OWNER = "owner-big"
OWNERS = 200
TAGS = tuple(f"tag{number:02d}" for number in range(40))
TAG_WEIGHTS = [1 / rank for rank in range(1, len(TAGS) + 1)]  # a few tags are common
CONTENT_TYPES = ("image/jpeg", "video/mp4", "image/png", "application/pdf")
CONTENT_TYPE_WEIGHTS = (4, 3, 2, 1)
ACCESS_WEIGHTS = {Access.PRIVATE: 9, Access.PUBLIC: 9, Access.SHARED: 1, Access.UNLISTED: 1}
START_AT = 1_700_000_000_000
APART_MS = 40_000
_BATCH = 500
_STRIPE = 50


def records(start: int, end: int) -> Iterator[FileRecord]:
    """Make records ``start`` to ``end``, reproducibly, in the order of their upload."""
    return (_record(number) for number in range(start, end))


def fill(store: MetadataStore, copies: Iterable[FileRecord]) -> None:
    """Write records into a store as a syncer does: its change feed stays empty."""
    assert isinstance(store, SupportsReplication)
    made = iter(copies)
    while batch := list(islice(made, _BATCH)):
        store.replicate(batch)


def _record(number: int) -> FileRecord:
    dice = random.Random(number)
    created_at = START_AT + number * APART_MS + dice.randrange(APART_MS)
    uploaded_at = created_at + dice.randrange(600_000)
    file_id = str(ULID.from_bytes(created_at.to_bytes(6, "big") + dice.randbytes(10)))
    owner = BIG_OWNER if dice.random() < 0.05 else f"owner-{dice.randrange(OWNERS):03d}"
    content_type = dice.choices(CONTENT_TYPES, CONTENT_TYPE_WEIGHTS)[0]
    size = int(10 ** dice.uniform(3, 9))
    part = Part(
        part_id="p0",
        type="file",
        content_type=content_type,
        size=size,
        bucket="media",
        key=f"{hashlib.sha256(owner.encode()).hexdigest()[:16]}/{file_id}/p0",
        md5=dice.randbytes(16).hex(),
        generation=str(uploaded_at * 1000),
        received_at=uploaded_at,
    )
    return FileRecord(
        file_id=file_id,
        owner=owner,
        name=f"holiday {number}",
        created_at=created_at,
        uploaded_at=uploaded_at,
        processed_at=uploaded_at + dice.randrange(60_000),
        parts=(part,),
        size=size,
        content_type=content_type,
        status=FileStatus.PROCESSED,
        access=dice.choices(tuple(ACCESS_WEIGHTS), tuple(ACCESS_WEIGHTS.values()))[0],
        tags=tuple(sorted(set(dice.choices(TAGS, TAG_WEIGHTS, k=dice.randint(1, 4))))),
        meta={"description": f"file number {number}"} if number % 4 == 0 else {},
        revision=3,
    )


def main(url: str, start: int, end: int, stripe: int, stripes: int) -> None:
    """Fill every ``stripes``-th stripe: together the processes write nearly in the order of time, as uploads do."""
    store = open_metadata_store(url)
    fill(store, _striped(start, end, stripe, stripes))
    store.close()


def _striped(start: int, end: int, stripe: int, stripes: int) -> Iterator[FileRecord]:
    for number in range(start, end):
        if number // _STRIPE % stripes == stripe:
            yield _record(number)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
