"""Answers of a node about blobs by their keys, from its inventory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from files_service.nodes.disk_driver import DiskDriver
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.errors import NodeUnavailable, OtherContent
from storage_adapters.blobs.nodes.protocol.layout import partition_of
from storage_adapters.blobs.nodes.protocol.naming import SEPARATOR, parse_name

_STRIPES = 256
_MOST_GENERATIONS = 100


class BlobIndexes:
    """The indexes of blobs on one node."""

    def __init__(self, driver: DiskDriver) -> None:
        self._driver = driver
        self._locks = [threading.Lock() for _ in range(_STRIPES)]

    def latest(self, key: str) -> str:
        """Return the id of the index of the latest generation, "" when there is none. Raises DiskError."""
        found = self._generations(key)
        return found[-1] if found else ""

    def find(self, request: m.FindBlobs) -> m.Blobs:
        """Answer FindBlobs. Raises DiskError."""
        found = {key: tuple(self._generations(key)) for key in request.keys}
        return m.Blobs({key: ids for key, ids in found.items() if ids})

    def page(self, request: m.ListBlobs) -> m.BlobPage:
        """Answer ListBlobs. Raises NodeUnavailable, DiskError."""
        if not self._driver.complete:
            raise NodeUnavailable("the inventory is not complete yet")
        infos: dict[str, str] = {}
        limit = max(1, min(request.limit, m.IDS_AT_ONCE))
        # Behind all generations of the key.
        place = (
            (partition_of(f"{request.after}{SEPARATOR}"), request.after + 2 * SEPARATOR) if request.after else (-1, "")
        )
        while found := self._driver.ordered(request.prefix, after=place, limit=limit):
            for partition, entry in found:
                place = (partition, entry.name)
                name = parse_name(entry.name)
                info = self._driver.info_of(entry.name) if name is not None and name.pieces is not None else None
                if info is not None:
                    infos[entry.name] = info
                if len(infos) == limit:
                    return m.BlobPage(infos, entry.name)
        return m.BlobPage(infos)

    @contextmanager
    def first(self, chunk_id: str) -> Iterator[None]:
        """Hold the key of an index that is being stored. Raises OtherContent when another generation is there."""
        key = chunk_id.partition(SEPARATOR)[0]
        with self._locks[hash(key) % _STRIPES]:
            if any(other != chunk_id for other in self._generations(key)):
                raise OtherContent(f"another generation of {key} is there")
            yield

    def _generations(self, key: str) -> list[str]:
        self._driver.complete_partition(partition_of(key))
        found = self._driver.named(partition_of(key), key + SEPARATOR, after="", limit=_MOST_GENERATIONS)
        names = ((entry.name, parse_name(entry.name)) for entry in found)
        return [text for text, name in names if name is not None and name.pieces is not None]
