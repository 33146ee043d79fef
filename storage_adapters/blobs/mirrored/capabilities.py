"""Capabilities of a mirror: those of both stores that keep the two equal."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import cast

from storage_adapters.blobs.forwarding import ForwardsPublicUrls, ForwardsServedUrls
from storage_adapters.blobs.keys import segments
from storage_adapters.blobs.mirrored.store import MirroredBlobStore, TwinStore
from storage_adapters.blobs.mirrored.writer import write_twin
from storage_adapters.errors import BlobExists, BlobNotFound, UnknownStore
from storage_adapters.ports.blob_capabilities import (
    KeepsOnDisk,
    SupportsCopy,
    SupportsFreeSpace,
    SupportsListing,
    SupportsLocalFiles,
    SupportsPublicUrls,
    SupportsTwins,
    VerifiesSignedUrls,
)
from storage_adapters.ports.blobs import BlobStore
from storage_adapters.records import BlobInfo


class _Copying(MirroredBlobStore, SupportsCopy):
    def copy(self, source: str, target: str, *, now: int) -> BlobInfo:
        """See ``SupportsCopy``."""
        assert isinstance(self._first, SupportsCopy)
        self._require_no_copy(target)
        with suppress(BlobNotFound):
            self.restore(source)
        try:
            info = self._first.copy(source, target, now=now)
        except BlobExists as error:
            raise self._complete(error) from None
        with suppress(BlobExists):
            write_twin(self._second, info, self._first.get(target, generation=info.generation))
        return info


class _Listing(MirroredBlobStore, SupportsListing):
    def scan(self, *, prefix: str = "", after: str = "", limit: int) -> list[BlobInfo]:
        """See ``SupportsListing``. The blobs are those of both stores, in the order of their keys."""
        pages = []
        for store in (self._first, self._second):
            assert isinstance(store, SupportsListing)
            pages.append(store.scan(prefix=prefix, after=after, limit=limit))
        found = {info.key: info for page in reversed(pages) for info in page}
        return [found[key] for key in sorted(found, key=segments)[:limit]]

    def unlisted(self, *, prefix: str, after: str, until: str | None) -> list[BlobInfo]:
        """See ``SupportsListing``. The later copy of two counts."""
        left: dict[str, BlobInfo] = {}
        for store in (self._first, self._second):
            assert isinstance(store, SupportsListing)
            for info in store.unlisted(prefix=prefix, after=after, until=until):
                other = left.get(info.key, info)
                left[info.key] = max(info, other, key=lambda each: each.created_at)
        return list(left.values())


class _LocalFiles(MirroredBlobStore, SupportsLocalFiles):
    def local_path(self, key: str) -> Path:
        """See ``SupportsLocalFiles``."""
        assert isinstance(self._first, SupportsLocalFiles)
        assert isinstance(self._second, SupportsLocalFiles)
        try:
            return self._first.local_path(key)
        except BlobNotFound:
            return self._second.local_path(key)


class _OnDisk(MirroredBlobStore, KeepsOnDisk):
    pass


class _FreeSpace(MirroredBlobStore, SupportsFreeSpace):
    def free_bytes(self) -> int:
        """See ``SupportsFreeSpace``."""
        return min(cast(SupportsFreeSpace, store).free_bytes() for store in (self._first, self._second))


class _ServedUrls(ForwardsServedUrls, MirroredBlobStore):
    pass


class _PublicUrls(ForwardsPublicUrls, MirroredBlobStore):
    pass


_OF_BOTH: tuple[tuple[type, type[MirroredBlobStore]], ...] = (
    (SupportsListing, _Listing),
    (SupportsLocalFiles, _LocalFiles),
    (KeepsOnDisk, _OnDisk),
    (SupportsFreeSpace, _FreeSpace),
)
_OF_THE_FIRST: tuple[tuple[type, type[MirroredBlobStore]], ...] = (
    (SupportsCopy, _Copying),
    (VerifiesSignedUrls, _ServedUrls),
    (SupportsPublicUrls, _PublicUrls),
)


def mirrored(first: BlobStore, second: BlobStore, domains: tuple[str, str] | None = None) -> MirroredBlobStore:
    """Return a store that keeps each blob in both stores; see ``storage_adapters.mirror_blobs``."""
    if not isinstance(first, SupportsTwins) or not isinstance(second, SupportsTwins):
        raise UnknownStore("a mirror is made of two file:// stores")
    if first.is_same(second):
        raise UnknownStore("the mirror is the blob store itself; name another folder")
    kinds = [kind for capability, kind in _OF_BOTH if isinstance(first, capability) and isinstance(second, capability)]
    kinds += [kind for capability, kind in _OF_THE_FIRST if isinstance(first, capability)]
    composed: type[MirroredBlobStore] = type("MirroredBlobStore", (*kinds, MirroredBlobStore), {})
    stores = cast(TwinStore, first), cast(TwinStore, second)
    return composed(*stores, domains)
