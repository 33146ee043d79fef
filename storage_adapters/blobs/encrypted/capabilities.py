"""Capabilities of an encrypted store: those of the store below that are safe, and encryption of what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Unpack

from storage_adapters.blobs.digests import CHECKSUMS, Digests
from storage_adapters.blobs.encrypted.layout import CONTENT_TYPE, content_size
from storage_adapters.blobs.encrypted.store import EncryptedBlobStore, damage_reported, is_encrypted
from storage_adapters.blobs.encrypted.writer import EncryptedBlobWriter
from storage_adapters.blobs.forwarding import ForwardsPublicUrls, ForwardsServedUrls, ForwardsSignedUrls
from storage_adapters.blobs.keys import check_key
from storage_adapters.errors import (
    BlobExists,
    BlobNotFound,
    ChecksumMismatch,
    InvalidKey,
    KeyUnavailable,
    NoAddress,
    StorageDenied,
    StorageUnavailable,
)
from storage_adapters.ports.blob_capabilities import (
    BlobCopy,
    KeepsOnDisk,
    StartsUploads,
    SupportsColdReads,
    SupportsCopies,
    SupportsCopy,
    SupportsCopyRepair,
    SupportsFreeSpace,
    SupportsListing,
    SupportsPartUploads,
    SupportsPublicUrls,
    SupportsReplacement,
    SupportsResealing,
    SupportsResumableUpload,
    SupportsSignedUrls,
    UrlTerms,
    VerifiesSignedUrls,
)
from storage_adapters.ports.blobs import BlobStore
from storage_adapters.ports.keys import TenantKeys
from storage_adapters.records import BlobInfo, Resealed, SignedUrl


class _Unread(Exception):
    """A disk does not read the bytes of a blob."""


class _Resealing(EncryptedBlobStore, SupportsResealing):
    def reseal(self, limit: int, *, after: str, prefix: str = "") -> Resealed:
        """See ``SupportsResealing``."""
        assert isinstance(self._inner, SupportsListing)
        assert isinstance(self._inner, SupportsReplacement)
        page = self._inner.scan(prefix=prefix, after=after, limit=limit)
        behind = page[-1].key if page else None
        left = [each.key for each in self._inner.unlisted(prefix=prefix, after=after, until=behind)]
        damaged: list[str] = []
        blobs = size = 0
        for stored in page:
            try:
                if not is_encrypted(stored) and self._reseal(stored):
                    blobs, size = blobs + 1, size + stored.size
            except ChecksumMismatch:
                damaged.append(stored.key)
            except (_Unread, StorageDenied):
                # A store that fails as a whole, or denies everything, raises.
                self.ping()
                left.append(stored.key)
        return Resealed(after=behind, blobs=blobs, bytes=size, damaged=tuple(damaged), left=tuple(left))

    def _reseal(self, stored: BlobInfo) -> bool:
        assert isinstance(self._inner, SupportsReplacement)
        # A blob that is deleted meanwhile needs nothing, and the bucket may hold objects of other programs.
        with suppress(BlobNotFound, InvalidKey):
            check_key(stored.key)
            names = [name for name in CHECKSUMS if getattr(stored, name) is not None]
            inner = self._inner.replacement(
                stored.key, generation=stored.generation, content_type=CONTENT_TYPE, now=stored.created_at
            )
            writer = EncryptedBlobWriter(
                inner,
                Digests(names),
                self._keys.current(stored.key),
                stored.content_type,
                generation=stored.generation,
                exists=self._exists,
            )
            try:
                for piece in self._pieces(stored):
                    writer.write(piece)
                writer.commit(declared={"size": stored.size, **{name: getattr(stored, name) for name in names}})
            finally:
                writer.abort()
            return True
        return False

    def _pieces(self, stored: BlobInfo) -> Iterator[bytes]:
        """Yield the bytes of a blob. Raises _Unread where a disk of this machine does not read them."""
        try:
            yield from self._inner.get(stored.key, generation=stored.generation)
        except StorageUnavailable as error:
            if not isinstance(self, KeepsOnDisk):
                raise
            raise _Unread from error


class _Copying(EncryptedBlobStore, SupportsCopy):
    def copy(self, source: str, target: str, *, now: int) -> BlobInfo:
        """See ``SupportsCopy``. The copy for another tenant is sealed with that tenant's key."""
        assert isinstance(self._inner, SupportsCopy)
        check_key(target)
        stored = self._inner.head(source)
        if is_encrypted(stored):
            with damage_reported(source):
                footer = self._footer(stored)
            description = footer.description
            if footer.key_name != self._keys.current(target).name or description.generation is not None:
                names = [name for name, value in description.checksums.items() if value is not None]
                return self._copy_content(source, target, description.content_type, names, now)
        try:
            return self._look(self._inner.copy(source, target, now=now))
        except BlobExists as error:
            raise self._exists(error) from None

    def _copy_content(self, source: str, target: str, content_type: str, checksums: list[str], now: int) -> BlobInfo:
        writer = self.writer(target, content_type=content_type, now=now, checksums=checksums)
        try:
            for piece in self.get(source):
                writer.write(piece)
            return writer.commit(declared={})
        finally:
            writer.abort()


class _Listing(EncryptedBlobStore, SupportsListing):
    def scan(self, *, prefix: str = "", after: str = "", limit: int) -> list[BlobInfo]:
        """See ``SupportsListing``. A blob that cannot be opened has a size, and no checksums."""
        assert isinstance(self._inner, SupportsListing)
        return [self._look_anyhow(stored) for stored in self._inner.scan(prefix=prefix, after=after, limit=limit)]

    def unlisted(self, *, prefix: str, after: str, until: str | None) -> list[BlobInfo]:
        """See ``SupportsListing``."""
        assert isinstance(self._inner, SupportsListing)
        return self._inner.unlisted(prefix=prefix, after=after, until=until)

    def _look_anyhow(self, stored: BlobInfo) -> BlobInfo:
        try:
            return self._look(stored)
        except (KeyUnavailable, StorageDenied, BlobNotFound):
            pass
        except StorageUnavailable:
            if not isinstance(self, KeepsOnDisk):
                raise
            # Some sectors of a disk are gone while it works otherwise.
            self.ping()
        return replace(stored, size=content_size(stored.size), md5=None, crc32c=None, sha256=None)


class _Copies(EncryptedBlobStore, SupportsCopies):
    def copies(self) -> tuple[BlobCopy, ...]:
        """See ``SupportsCopies``."""
        assert isinstance(self._inner, SupportsCopies)
        return tuple(BlobCopy(domain, encrypted(store, self._keys)) for domain, store in self._inner.copies())


class _CopyRepair(_Copies, SupportsCopyRepair):
    def restore(self, key: str) -> int:
        """See ``SupportsCopyRepair``."""
        assert isinstance(self._inner, SupportsCopyRepair)
        return self._inner.restore(key)


class _ColdReads(EncryptedBlobStore, SupportsColdReads):
    def forget_cached(self, key: str) -> None:
        """See ``SupportsColdReads``."""
        assert isinstance(self._inner, SupportsColdReads)
        self._inner.forget_cached(key)


class _OnDisk(EncryptedBlobStore, KeepsOnDisk):
    pass


class _FreeSpace(EncryptedBlobStore, SupportsFreeSpace):
    def free_bytes(self) -> int:
        """See ``SupportsFreeSpace``."""
        assert isinstance(self._inner, SupportsFreeSpace)
        return self._inner.free_bytes()


class _ServedUrls(ForwardsServedUrls, EncryptedBlobStore):
    pass


class _DirectUrls(ForwardsSignedUrls, EncryptedBlobStore):
    def sign(self, method: str, key: str, **terms: Unpack[UrlTerms]) -> SignedUrl:
        """See ``SupportsSignedUrls``. A blob that is encrypted here has no address in the inner store."""
        if method != "PUT" and is_encrypted(self._inner.head(key)):
            raise NoAddress(f"blob {key} is encrypted")
        return super().sign(method, key, **terms)


class _DirectUploads(EncryptedBlobStore, StartsUploads):
    @property
    def upload_seconds(self) -> int:
        """See ``StartsUploads``."""
        assert isinstance(self._inner, StartsUploads)
        return self._inner.upload_seconds

    def start_upload(
        self,
        key: str,
        *,
        content_type: str,
        size: int,
        now: int,
        checksums: Mapping[str, str | None] | None = None,
        origin: str | None = None,
    ) -> SignedUrl:
        """See ``StartsUploads``."""
        assert isinstance(self._inner, StartsUploads)
        try:
            return self._inner.start_upload(
                key, content_type=content_type, size=size, now=now, checksums=checksums, origin=origin
            )
        except BlobExists as error:
            raise self._exists(error) from None


class _DirectResumableUploads(_DirectUploads, SupportsResumableUpload):
    pass


class _DirectPartUploads(_DirectUploads, SupportsPartUploads):
    def complete_upload(self, key: str, *, size: int) -> BlobInfo:
        """See ``SupportsPartUploads``."""
        assert isinstance(self._inner, SupportsPartUploads)
        self._inner.complete_upload(key, size=size)
        return self.head(key)

    def end_uploads(self, key: str) -> None:
        """See ``SupportsPartUploads``."""
        assert isinstance(self._inner, SupportsPartUploads)
        self._inner.end_uploads(key)


class _PublicUrls(ForwardsPublicUrls, EncryptedBlobStore):
    pass


_CAPABILITIES: tuple[tuple[type, type[EncryptedBlobStore]], ...] = (
    (SupportsCopy, _Copying),
    (SupportsListing, _Listing),
    (SupportsFreeSpace, _FreeSpace),
    (SupportsCopyRepair, _CopyRepair),
    (SupportsCopies, _Copies),
    (SupportsColdReads, _ColdReads),
    (KeepsOnDisk, _OnDisk),
)
_DIRECT: tuple[tuple[type, type[EncryptedBlobStore]], ...] = (
    (SupportsSignedUrls, _DirectUrls),
    (SupportsResumableUpload, _DirectResumableUploads),
    (SupportsPartUploads, _DirectPartUploads),
)


def encrypted(inner: BlobStore, keys: TenantKeys, *, direct: bool = False) -> EncryptedBlobStore:
    """Return a store that keeps blobs in ``inner`` encrypted, with those of its capabilities that are safe then.

    With ``direct``, clients may send blobs to the inner store itself: these have its own encryption alone.
    """
    kinds = [kind for capability, kind in _CAPABILITIES if isinstance(inner, capability)]
    if isinstance(inner, VerifiesSignedUrls):
        # The gateway serves these URLs, and seals and opens what passes.
        kinds.append(_ServedUrls)
        if isinstance(inner, SupportsPublicUrls):
            kinds.append(_PublicUrls)
    elif direct:
        kinds += [kind for capability, kind in _DIRECT if isinstance(inner, capability)]
    if isinstance(inner, SupportsReplacement) and isinstance(inner, SupportsListing):
        kinds.append(_Resealing)
    composed: type[EncryptedBlobStore] = type("EncryptedBlobStore", (*kinds, EncryptedBlobStore), {})
    return composed(inner, keys)
