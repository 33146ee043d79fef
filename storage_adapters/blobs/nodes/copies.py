"""One of the copies in which nodes keep blobs, for reads that prove it."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import replace

from storage_adapters.blobs.nodes.blobs import Blobs, FoundBlob
from storage_adapters.blobs.nodes.cluster import Cluster
from storage_adapters.blobs.nodes.description import description_of
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.copies import read_copy
from storage_adapters.blobs.nodes.protocol.effects import Step
from storage_adapters.blobs.nodes.protocol.reading import Found
from storage_adapters.blobs.nodes.reading import ReadsBlobs
from storage_adapters.errors import StorageDenied
from storage_adapters.ports.blobs import BlobWriter


class CopiedBlobs(Blobs):
    """Blobs as the ``place``-th of the zones that have a chunk keeps it."""

    def __init__(self, cluster: Cluster, place: int) -> None:
        super().__init__(cluster)
        self._place = place

    def read_chunk(self, name: str, sha256: str, offset: int = 0, length: int | None = None) -> Future[Found]:
        """See ``Blobs``."""
        return self.cluster.begin(self._read(m.GetChunk(name, offset, length), sha256))

    def _read_index(self, request: m.GetIndex | m.GetChunk) -> FoundBlob:
        name = super()._read_index(replace(request, offset=0, length=1)).chunk_id
        found = self.cluster.run(self._read(m.GetChunk(name, request.offset, request.length), ""))
        return FoundBlob(description_of(found.info), name, found.data)

    def _read(self, request: m.GetChunk, sha256: str) -> Step[Found]:
        return read_copy(self.cluster.layout(), request, self._place, sha256, self.cluster.reading)


class NodesCopy(ReadsBlobs):
    """One copy of each blob, for reads: each chunk is read from its medium first. The census makes and removes copies.

    It belongs to the store over all copies, and is closed with it.
    """

    def __init__(self, cluster: Cluster, place: int, bucket: str) -> None:
        self._blobs, self._bucket = CopiedBlobs(cluster, place), bucket

    def writer(self, key: str, *, content_type: str, now: int, checksums: Iterable[str] | None = ()) -> BlobWriter:
        """Raise StorageDenied."""
        raise StorageDenied("one copy on nodes takes no writes: the store over all copies does")

    def delete(self, key: str, *, generation: str | None = None) -> None:
        """Raise StorageDenied."""
        raise StorageDenied("one copy on nodes is not deleted: the census makes damaged ones anew")

    def close(self) -> None:
        """Do nothing."""
