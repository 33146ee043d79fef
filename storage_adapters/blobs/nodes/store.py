"""Blobs on file nodes; see docs/nodes.md.

A blob of at most 4 MiB is one chunk, the index, which holds its bytes and its description. A larger one has pieces of
4 MiB, and the hashes of these are the bytes of its index. Pieces are stored first and the index last, so that a blob
is seen when it is whole. Each chunk is acknowledged by ``min_write`` nodes, which have it on stable storage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from storage_adapters.blobs.digests import Digests
from storage_adapters.blobs.keys import check_key
from storage_adapters.blobs.nodes.authentication import NodeKeys
from storage_adapters.blobs.nodes.blobs import Blobs
from storage_adapters.blobs.nodes.calls import NodeCaller
from storage_adapters.blobs.nodes.cluster import Cluster
from storage_adapters.blobs.nodes.copies import NodesCopy
from storage_adapters.blobs.nodes.description import PIECE_BYTES, Description
from storage_adapters.blobs.nodes.http import SignedClient
from storage_adapters.blobs.nodes.layouts import LAYOUT_FILE, LayoutSource
from storage_adapters.blobs.nodes.listing import scan
from storage_adapters.blobs.nodes.location import Location
from storage_adapters.blobs.nodes.protocol.copies import number_of_zones
from storage_adapters.blobs.nodes.reading import ReadsBlobs
from storage_adapters.blobs.nodes.room import UNKNOWN, free_bytes
from storage_adapters.blobs.nodes.writer import NodesBlobWriter
from storage_adapters.blobs.served_urls import ServesSignedUrls
from storage_adapters.blobs.signing import UrlSigner
from storage_adapters.errors import BlobExists, BlobNotFound, StorageUnavailable, UnknownStore
from storage_adapters.options import BlobOptions
from storage_adapters.ports.blob_capabilities import (
    BlobCopy,
    SupportsCopies,
    SupportsFreeSpace,
    SupportsListing,
    SupportsWholeWrites,
)
from storage_adapters.ports.blobs import BlobWriter
from storage_adapters.records import BlobInfo


class NodesBlobStore(
    ReadsBlobs, ServesSignedUrls, SupportsWholeWrites, SupportsFreeSpace, SupportsListing, SupportsCopies
):
    """Blobs on the nodes of one cluster; threads and processes may share it."""

    def __init__(self, location: Location, keys: NodeKeys, signer: UrlSigner, cache: Path | None) -> None:
        self.url_signer = signer
        self._bucket = location.bucket
        self._client = SignedClient(keys)
        self._layouts = LayoutSource(self._client, location.controllers, cache)
        self._cluster = Cluster(self._layouts, NodeCaller(self._client), location)
        self._blobs = Blobs(self._cluster)

    @classmethod
    def from_url(cls, url: str, options: BlobOptions) -> Self:
        """Open ``nodes://controller:port[,controller:port]?copies=2&min_write=2``."""
        location = Location.parse(url)
        try:
            keys = NodeKeys.derive(options.nodes_secret)
        except ValueError as error:
            raise UnknownStore(f"nodes:// needs FILES_NODES_SECRET: {error}") from None
        cache = Path(options.cache_folder) / LAYOUT_FILE if options.cache_folder else None
        # Nothing is asked yet: the first controller may be the gateway that opens this store.
        return cls(location, keys, UrlSigner(options.signing_key, options.public_url), cache)

    def writer(self, key: str, *, content_type: str, now: int, checksums: Iterable[str] | None = ()) -> BlobWriter:
        """See ``BlobStore``."""
        digests = Digests(checksums)
        found = self._existing(check_key(key))
        if found is not None:
            raise BlobExists(found)
        return NodesBlobWriter(self._blobs, self._fresh(key, content_type, now), digests)

    def _fresh(self, key: str, content_type: str, now: int) -> BlobInfo:
        generation = self._blobs.new_generation()
        return BlobInfo(
            bucket=self._bucket, key=key, size=0, content_type=content_type, created_at=now, generation=generation
        )

    def _existing(self, key: str) -> BlobInfo | None:
        # A blob on nodes that do not answer is met at the commit.
        with suppress(BlobNotFound, StorageUnavailable):
            if self._blobs.may_exist(key):
                return self._blobs.completed(key).info
        return None

    def write_whole(
        self, key: str, data: bytes | bytearray | memoryview, *, sha256: str | None, content_type: str, now: int
    ) -> None:
        """See ``SupportsWholeWrites``."""
        if len(data) > PIECE_BYTES:
            writer = self.writer(key, content_type=content_type, now=now)
            try:
                writer.write(data)
                writer.commit(declared={})
            finally:
                writer.abort()
            return
        info = replace(self._fresh(check_key(key), content_type, now), size=len(data), sha256=sha256)
        self._blobs.create(Description(info, 0), data, sha256 or "")

    def delete(self, key: str, *, generation: str | None = None) -> None:
        """See ``BlobStore``."""
        self._blobs.delete((check_key(key),), generation)

    def delete_many(self, keys: Sequence[str], *, generations: Mapping[str, str | None] | None = None) -> None:
        """See ``BlobStore``."""
        self._blobs.delete([check_key(key) for key in dict.fromkeys(keys)])

    def scan(self, *, prefix: str = "", after: str = "", limit: int) -> list[BlobInfo]:
        """See ``SupportsListing``. The order is that of the partitions, then of the keys."""
        return scan(self._cluster, prefix, after, limit)

    def free_bytes(self) -> int:
        """See ``SupportsFreeSpace``. Raises StorageUnavailable when too few nodes take chunks."""
        layout, rooms = self._cluster.layout(), self._layouts.rooms()
        count = sum(node.state == "active" for node in layout.nodes) if rooms is None else len(rooms)
        if count < layout.min_write:
            raise StorageUnavailable(f"nodes: {count} take chunks, and a write needs {layout.min_write}")
        return UNKNOWN if rooms is None else free_bytes(rooms, layout.copies)

    def copies(self) -> tuple[BlobCopy, ...]:
        """See ``SupportsCopies``. The copies of a chunk are told apart by their zones: in one zone, it has one."""
        zones = number_of_zones(self._cluster.layout())
        if zones == 1:
            return (BlobCopy(self._bucket, self),)
        return tuple(
            BlobCopy(f"{self._bucket}, copy {place + 1} of {zones}", NodesCopy(self._cluster, place, self._bucket))
            for place in range(zones)
        )

    def close(self) -> None:
        """See ``BlobStore``."""
        self._cluster.close()
        self._client.close()
