"""Blobs made of chunks: how they are created, found and removed."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from storage_adapters.blobs.nodes import indexes
from storage_adapters.blobs.nodes.cluster import Cluster
from storage_adapters.blobs.nodes.description import Description, description_of
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.effects import Step
from storage_adapters.blobs.nodes.protocol.errors import OtherContent, ProtocolError
from storage_adapters.blobs.nodes.protocol.naming import generation_in, generation_of, index_name, piece_names
from storage_adapters.blobs.nodes.protocol.reading import Found, read
from storage_adapters.blobs.nodes.protocol.removing import remove
from storage_adapters.blobs.nodes.protocol.writing import put
from storage_adapters.errors import BlobExists, BlobNotFound, StorageError, StorageUnavailable


@dataclass(frozen=True, slots=True)
class FoundBlob:
    """A blob, the name of its index, and the bytes of the index that were read."""

    description: Description
    chunk_id: str
    data: bytes


class Blobs:
    """The blobs of a cluster; threads may share it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._lock = threading.Lock()
        self._last_us = 0

    def new_generation(self) -> str:
        """Return a generation that was never used, later than those that were made here before."""
        with self._lock:
            self._last_us = max(self._last_us + 1, time.time_ns() // 1_000)
            return generation_of(self._last_us, secrets.token_bytes(6))

    def head(self, key: str) -> Description:
        """Return what is known of a blob. Raises BlobNotFound, StorageUnavailable."""
        return self.find(key, 0, 1).description

    def may_exist(self, key: str) -> bool:
        """Return True when a node that answers has an index of the blob. Raises StorageUnavailable."""
        found = indexes.generations(self.cluster.layout(), (key,), indexes.QUICK_SECONDS)
        return bool(self.cluster.run(found))

    def ping(self) -> None:
        """Return when as many nodes answer as a write needs. Raises StorageUnavailable."""
        layout = self.cluster.layout()
        self.cluster.run(indexes.reach(layout, self.cluster.writing.attempt))

    def find(self, key: str, offset: int = 0, length: int | None = None, *, generation: str | None = None) -> FoundBlob:
        """Find a blob, or exactly one generation of it, and read its index or a range of that.

        Raises BlobNotFound, StorageUnavailable.
        """
        found = self._read_index(m.GetIndex(key, offset, length))
        if generation in (None, found.description.info.generation):
            return found
        # A writer that gave way may have left its index on the node that answered first.
        for name in self.generations(key):
            if generation_in(name) == generation:
                return self._read_index(m.GetChunk(name, offset, length))
        raise BlobNotFound(f"blob {key} was replaced")

    def generations(self, key: str) -> list[str]:
        """Return the indexes of all generations of a blob that nodes have. Raises StorageUnavailable."""
        return list(self.cluster.run(indexes.generations(self.cluster.layout(), (key,), self.cluster.reading.attempt)))

    def _read_index(self, request: m.GetIndex | m.GetChunk) -> FoundBlob:
        found: Found = self.cluster.run(read(self.cluster.layout(), request, timing=self.cluster.reading))
        return FoundBlob(description_of(found.info), found.chunk_id, found.data)

    def read_chunk(self, name: str, sha256: str, offset: int = 0, length: int | None = None) -> Future[Found]:
        """Read a chunk beside; a whole one is compared with its hash. The result raises ProtocolError."""
        request = m.GetChunk(name, offset, length)
        return self.cluster.begin(read(self.cluster.layout(), request, sha256, self.cluster.reading))

    def create(self, description: Description, data: bytes | bytearray | memoryview, sha256: str = "") -> None:
        """Store the index of a blob. Raises BlobExists, StorageUnavailable."""
        info = description.info
        chunk_id = index_name(info.key, info.generation or "", description.pieces)
        request = m.PutChunk(
            chunk_id, sha256 or hashlib.sha256(data).hexdigest(), data, first=True, info=description.text()
        )
        layout = self.cluster.layout()
        conflict = self.cluster.run(_outcome(indexes.create(layout, request, self.cluster.writing)))
        if conflict:
            with suppress(StorageError):
                self._remove((chunk_id,))
            raise BlobExists(self.completed(info.key).info)

    def begin_chunk(self, name: str, data: bytes | bytearray) -> Future[bytes]:
        """Hash and store a piece beside; the result is its SHA-256, or raises ProtocolError."""

        def store() -> bytes:
            digest = hashlib.sha256(data)
            request = m.PutChunk(name, digest.hexdigest(), data)
            self.cluster.perform(put(self.cluster.layout(), request, self.cluster.writing))
            return digest.digest()

        return self.cluster.beside(store)

    def discard(self, names: Sequence[str], under_way: Iterable[Future[Any]]) -> None:
        """Remove pieces of a blob that is not to be, as far as nodes answer."""
        for future in under_way:
            with suppress(ProtocolError):
                future.result()
        with suppress(StorageError):
            self._remove(names)

    def delete(self, keys: Sequence[str], generation: str | None = None) -> None:
        """Remove blobs from all nodes that answer. Raises StorageUnavailable when none does."""
        for start in range(0, len(keys), m.IDS_AT_ONCE):
            batch = tuple(keys[start : start + m.IDS_AT_ONCE])
            layout = self.cluster.layout()
            found = self.cluster.run(indexes.generations(layout, batch, self.cluster.writing.attempt))
            names = [name for name in found if generation in (None, generation_in(name))]
            # The indexes first: what is left behind of the pieces is found by a census.
            self._remove(names)
            self._remove([piece for name in names for piece in piece_names(name)])

    def completed(self, key: str) -> Description:
        """Make sure of the copies of a blob that is there, and return what is known of it.

        Raises StorageUnavailable, also when the blob is gone meanwhile.
        """
        try:
            self.cluster.run(indexes.complete(self.cluster.layout(), key, self.cluster.writing))
            return self.head(key)
        except BlobNotFound:
            raise StorageUnavailable(
                f"another writer of blob {key} gave way at the same time, or it was deleted"
            ) from None

    def _remove(self, names: Sequence[str]) -> None:
        for start in range(0, len(names), m.IDS_AT_ONCE):
            batch = tuple(names[start : start + m.IDS_AT_ONCE])
            self.cluster.run(remove(self.cluster.layout(), batch, self.cluster.writing.attempt))


def _outcome(step: Step[None]) -> Step[OtherContent | None]:
    """Return a conflict with another generation as the result of a step: it is no failure of the nodes."""
    try:
        yield from step
    except OtherContent as error:
        return error
    return None
