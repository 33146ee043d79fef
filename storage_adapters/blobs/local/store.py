"""Blobs as local files.

URL: ``file:///absolute/folder[?bucket=NAME]`` or ``file:folder`` relative to the working directory.

``blobs/SEGMENT/…/SEGMENT.blob/`` holds one blob: its ``content`` and an ``info.json``. The folder is complete and
synced before one rename publishes it, and a folder cannot be renamed onto a non-empty folder: so a blob is written
once. Segments of keys have no dots, so ``.blob`` keeps ``a`` and ``a/b`` apart. ``tmp/`` holds unfinished blobs, see
``workspace``. The file system must support flock(2).
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from storage_adapters.blobs.digests import Digests
from storage_adapters.blobs.keys import check_key
from storage_adapters.blobs.local import disk
from storage_adapters.blobs.local.exchange import exchange
from storage_adapters.blobs.local.listing import walk
from storage_adapters.blobs.local.workspace import Workspace
from storage_adapters.blobs.local.writer import CONTENT, INFO, LocalBlobWriter
from storage_adapters.blobs.signing import UrlSigner
from storage_adapters.codec import blob_info_from_document, blob_info_to_document
from storage_adapters.errors import BlobExists, BlobNotFound, StorageUnavailable, UnknownStore
from storage_adapters.options import BlobOptions
from storage_adapters.ports.blob_capabilities import (
    SupportsCopy,
    SupportsFreeSpace,
    SupportsListing,
    SupportsLocalFiles,
    SupportsPublicUrls,
    SupportsReplacement,
    SupportsSignedUrls,
    SupportsWholeWrites,
    VerifiesSignedUrls,
)
from storage_adapters.ports.blobs import BlobStore, BlobWriter
from storage_adapters.records import BlobInfo, Grant, SignedUrl

PIECE = 1024 * 1024
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,63}")
_ATTEMPTS = 100


class LocalBlobStore(
    BlobStore,
    SupportsSignedUrls,
    VerifiesSignedUrls,
    SupportsPublicUrls,
    SupportsCopy,
    SupportsLocalFiles,
    SupportsWholeWrites,
    SupportsFreeSpace,
    SupportsListing,
    SupportsReplacement,
):
    """Blobs under one folder, which threads and processes can share."""

    def __init__(self, root: Path, *, signing_key: bytes, public_url: str, bucket: str = "local") -> None:
        self._bucket = bucket
        self._signer = UrlSigner(signing_key, public_url)
        self._blobs = root / "blobs"
        with disk.os_errors_as_unavailable():
            disk.make_folder(self._blobs)
            disk.make_folder(root / "tmp")
            disk.sync_folder(root)
            self._workspace = Workspace(root / "tmp")
            self._workspace.sweep()

    @classmethod
    def from_url(cls, url: str, options: BlobOptions) -> Self:
        """Open ``file:///absolute/folder[?bucket=NAME]``; create the folder if it is missing."""
        parts = urlsplit(url)
        query = parse_qs(parts.query, keep_blank_values=True)
        buckets = query.pop("bucket", ["local"])
        if parts.netloc not in ("", "localhost"):
            raise UnknownStore(f"{url} names the host {parts.netloc}; use file:///absolute/folder or file:folder")
        if parts.path in ("", "/") or "\0" in unquote(parts.path):
            raise UnknownStore(f"{url} names no folder")
        if parts.fragment or query:
            raise UnknownStore(f"{url} has more than a folder and a bucket; write # and ? in names as %23 and %3F")
        if len(buckets) != 1 or _BUCKET.fullmatch(buckets[0]) is None:
            raise UnknownStore(f"{url} has an invalid bucket; use up to 63 letters, digits, dots, - and _")
        root = Path(unquote(parts.path)).absolute()
        return cls(root, signing_key=options.signing_key, public_url=options.public_url, bucket=buckets[0])

    @property
    def bucket(self) -> str:
        """See ``BlobStore``."""
        return self._bucket

    def writer(self, key: str, *, content_type: str, now: int, checksums: Iterable[str] | None = ()) -> BlobWriter:
        """See ``BlobStore``."""
        digests = Digests(checksums)
        self._require_free(key)
        return self._writer(key, self._publish, content_type, now, digests)

    def replacement(self, key: str, *, generation: str, content_type: str, now: int) -> BlobWriter:
        """See ``SupportsReplacement``. Raises StorageUnavailable when the file system cannot exchange two folders."""
        self._require(key, generation)
        return self._writer(key, partial(self._exchange, generation=generation), content_type, now, Digests())

    def _writer(
        self, key: str, publish: Callable[[Path, BlobInfo], None], content_type: str, now: int, digests: Digests
    ) -> LocalBlobWriter:
        return LocalBlobWriter(
            self._workspace.fresh_path(),
            publish,
            bucket=self._bucket,
            key=key,
            content_type=content_type,
            now=now,
            digests=digests,
        )

    def head(self, key: str) -> BlobInfo:
        """See ``BlobStore``."""
        folder = self._folder(key)
        info = self._read_info(folder / INFO, key)
        with disk.os_errors_as_unavailable():
            try:
                size = (folder / CONTENT).stat().st_size
            except FileNotFoundError:
                raise BlobNotFound(f"the bytes of blob {key} are gone") from None
        return info if size == info.size else replace(info, size=size, md5=None, crc32c=None, sha256=None)

    def get(
        self, key: str, *, offset: int = 0, length: int | None = None, generation: str | None = None
    ) -> Iterator[bytes]:
        """See ``BlobStore``."""
        if offset < 0 or (length is not None and length < 0):
            raise ValueError("offset and length must not be negative")
        pieces = self._pieces(self._folder(key) / CONTENT, key, offset, length)
        # The first step opens the file: a missing blob is reported here, not when bytes are read.
        next(pieces)
        # Looked at behind the opening: a blob that is exchanged in between is noticed.
        if generation is not None:
            self._require(key, generation)
        return pieces

    def delete(self, key: str, *, generation: str | None = None) -> None:
        """See ``BlobStore``."""
        folder = self._folder(key)
        rubbish = self._workspace.fresh_path()
        with disk.os_errors_as_unavailable():
            # Only a delete frees a blob's place: the lock among deleters ensures that the blob that was checked is the
            # one that is removed.
            with disk.locked(self._blobs), suppress(FileNotFoundError, BlobNotFound):
                if generation not in (None, self.head(key).generation if generation else None):
                    return
                folder.rename(rubbish)
            # Sync also when nothing was there: the remover may have died before it synced.
            disk.sync_chain(folder.parent, self._blobs)
            disk.remove_tree(rubbish)
            self._remove_empty(folder.parent)

    def ping(self) -> None:
        """See ``BlobStore``."""
        with disk.os_errors_as_unavailable():
            path = self._workspace.fresh_path()
            # Not a blob, and no folder above one.
            place = self._blobs / path.name
            try:
                disk.write_file(path, b"ping")
                # A blob is renamed to its place, which may be impossible where a write is not: on another file system.
                path.rename(place)
            finally:
                path.unlink(missing_ok=True)
                place.unlink(missing_ok=True)

    def close(self) -> None:
        """See ``BlobStore``."""
        with disk.os_errors_as_unavailable():
            self._workspace.close()

    def copy(self, source: str, target: str, *, now: int) -> BlobInfo:
        """See ``SupportsCopy``."""
        check_key(target)
        origin = self.head(source)
        self._require_free(target)
        info = replace(origin, bucket=self._bucket, key=target, created_at=now, generation=secrets.token_hex(8))
        folder = self._workspace.fresh_path()
        with disk.os_errors_as_unavailable():
            try:
                folder.mkdir(mode=disk.FOLDER_MODE)
                try:
                    disk.link_or_copy(self._folder(source) / CONTENT, folder / CONTENT)
                except FileNotFoundError:
                    raise BlobNotFound(f"no blob {source}") from None
                if self.head(source).generation != origin.generation:
                    raise BlobNotFound(f"blob {source} was deleted")
                disk.write_file(folder / INFO, blob_info_to_document(info))
                disk.sync_folder(folder)
                self._publish(folder, info)
            finally:
                disk.remove_tree(folder)
        return info

    def scan(self, *, prefix: str = "", after: str = "", limit: int) -> list[BlobInfo]:
        """See ``SupportsListing``."""
        found: list[BlobInfo] = []
        with disk.os_errors_as_unavailable():
            for key in walk(self._blobs, prefix, after):
                # A blob deleted in the meantime is skipped.
                with suppress(BlobNotFound):
                    found.append(self.head(key))
                if len(found) >= limit:
                    break
        return found

    def local_path(self, key: str) -> Path:
        """See ``SupportsLocalFiles``."""
        path = self._folder(key) / CONTENT
        with disk.os_errors_as_unavailable():
            if not path.is_file():
                raise BlobNotFound(f"no blob {key}")
        return path

    def write_whole(
        self, key: str, data: bytes | bytearray | memoryview, *, sha256: str | None, content_type: str, now: int
    ) -> None:
        """See ``SupportsWholeWrites``."""
        self._require_free(key)
        info = BlobInfo(
            bucket=self._bucket,
            key=key,
            size=len(data),
            content_type=content_type,
            created_at=now,
            generation=secrets.token_hex(8),
            sha256=sha256,
        )
        folder = self._workspace.fresh_path()
        with disk.os_errors_as_unavailable():
            try:
                folder.mkdir(mode=disk.FOLDER_MODE)
                content = disk.NewFile(folder / CONTENT)
                try:
                    content.write(data)
                    disk.sync_with_description(content, folder / INFO, blob_info_to_document(info))
                finally:
                    content.close()
                self._publish(folder, info)
            except BaseException:
                disk.remove_tree(folder)
                raise

    def free_bytes(self) -> int:
        """See ``SupportsFreeSpace``."""
        with disk.os_errors_as_unavailable():
            found = os.statvfs(self._blobs)
        return disk.free_bytes_of(found)

    def sign(
        self,
        method: str,
        key: str,
        *,
        expires_at: int,
        content_type: str | None = None,
        size: int | None = None,
        filename: str | None = None,
        epoch: int = 0,
    ) -> SignedUrl:
        """See ``SupportsSignedUrls``."""
        return self._signer.sign(
            method, key, expires_at=expires_at, content_type=content_type, size=size, filename=filename, epoch=epoch
        )

    def verify(self, method: str, key: str, params: Mapping[str, str], *, now: int) -> Grant:
        """See ``VerifiesSignedUrls``."""
        return self._signer.verify(method, key, params, now=now)

    def public_url(self, key: str) -> str:
        """See ``SupportsPublicUrls``."""
        return self._signer.public_url(key)

    def _folder(self, key: str) -> Path:
        return self._blobs / f"{check_key(key)}.blob"

    def _require_free(self, key: str) -> None:
        with suppress(BlobNotFound):
            info = self.head(key)
            # The creator may have died before it synced, and the caller relies on the blob.
            with disk.os_errors_as_unavailable():
                disk.sync_chain(self._folder(key).parent, self._blobs)
            raise BlobExists(info)

    def _publish(self, folder: Path, info: BlobInfo) -> None:
        """Rename the finished folder to its place and sync. Raises BlobExists when the place is taken."""
        place = self._folder(info.key)
        for _ in range(_ATTEMPTS):
            try:
                place.parent.mkdir(mode=disk.FOLDER_MODE, parents=True, exist_ok=True)
                folder.rename(place)
            except FileNotFoundError:
                # A concurrent delete has just removed an empty parent folder.
                continue
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                self._require_free(info.key)
                self._remove_remains(info.key)
            else:
                disk.sync_chain(place.parent, self._blobs)
                return
        raise StorageUnavailable(f"cannot create a place for blob {info.key}")

    def _require(self, key: str, generation: str) -> None:
        if self.head(key).generation != generation:
            raise BlobNotFound(f"blob {key} was replaced")

    def _exchange(self, folder: Path, info: BlobInfo, *, generation: str) -> None:
        """Put the finished folder in the place of this generation, in one step."""
        place = self._folder(info.key)
        # The lock keeps out deleters, and others that exchange.
        with disk.locked(self._blobs):
            self._require(info.key, generation)
            exchange(folder, place)
        disk.sync_chain(place.parent, self._blobs)
        disk.remove_tree(folder)

    def _remove_remains(self, key: str) -> None:
        """Clear the place of a blob whose content or description a fault of the disk took."""
        rubbish = self._workspace.fresh_path()
        with disk.locked(self._blobs):
            try:
                self.head(key)
            except BlobNotFound:
                with suppress(FileNotFoundError):
                    self._folder(key).rename(rubbish)
        disk.remove_tree(rubbish)

    def _remove_empty(self, folder: Path) -> None:
        """Remove the empty folders above a deleted blob; a writer that needs one creates it again."""
        while folder != self._blobs:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent

    def _read_info(self, path: Path, key: str) -> BlobInfo:
        with disk.os_errors_as_unavailable():
            try:
                return blob_info_from_document(path.read_bytes())
            except FileNotFoundError:
                raise BlobNotFound(f"no blob {key}") from None
            except (orjson.JSONDecodeError, TypeError) as error:
                raise StorageUnavailable(f"the description of blob {key} is damaged") from error

    def _pieces(self, path: Path, key: str, offset: int, length: int | None) -> Iterator[bytes]:
        with disk.os_errors_as_unavailable():
            try:
                file = path.open("rb", buffering=0)
            except FileNotFoundError:
                raise BlobNotFound(f"no blob {key}") from None
            with file:
                yield b""
                place = offset
                end = os.fstat(file.fileno()).st_size if length is None else offset + length
                while place < end:
                    piece = os.pread(file.fileno(), min(PIECE, end - place), place)
                    if not piece:
                        return
                    yield piece
                    place += len(piece)
