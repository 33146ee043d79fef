"""Items of calls that take many, in calls of limited length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import orjson

T = TypeVar("T")
MOST_ITEMS = 1_000
# Below the limit of a call with the token of an owner.
MOST_BYTES = 200 * 1024


def batches(
    items: Sequence[T], wire_of: Callable[[T], Any], *, most: int = MOST_ITEMS, most_bytes: int = MOST_BYTES
) -> Iterator[list[T]]:
    """Cut the items into calls of so many items and bytes of JSON; a single item is never cut."""
    batch: list[T] = []
    left = most_bytes
    for item in items:
        size = len(orjson.dumps(wire_of(item))) + 1
        if batch and (len(batch) == most or size > left):
            yield batch
            batch, left = [], most_bytes
        batch.append(item)
        left -= size
    if batch:
        yield batch
