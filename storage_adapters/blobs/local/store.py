"""Blobs as local files.

URL: ``file:///absolute/folder[?bucket=NAME]`` or ``file:folder`` relative to the working directory.

``blobs/`` holds the blobs, see ``folders``, ``tmp/`` unfinished ones, see ``workspace``. The file system must support
flock(2).
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from storage_adapters.blobs.digests import Digests
from storage_adapters.blobs.keys import check_key, check_range, segments
from storage_adapters.blobs.local import disk
from storage_adapters.blobs.local.folders import BlobFolders
from storage_adapters.blobs.local.listing import walk
from storage_adapters.blobs.local.workspace import Workspace
from storage_adapters.blobs.local.writer import CONTENT, INFO, LocalBlobWriter
from storage_adapters.blobs.served_urls import ServesSignedUrls
from storage_adapters.blobs.signing import UrlSigner
from storage_adapters.codec import blob_info_to_document
from storage_adapters.errors import BlobDamaged, BlobNotFound, StorageError, StorageUnavailable, UnknownStore
from storage_adapters.options import BlobOptions
from storage_adapters.ports.blob_capabilities import (
    KeepsOnDisk,
    SupportsColdReads,
    SupportsCopy,
    SupportsFreeSpace,
    SupportsListing,
    SupportsLocalFiles,
    SupportsReplacement,
    SupportsTwins,
    SupportsWholeWrites,
    TwinWriter,
)
from storage_adapters.ports.blobs import BlobStore, BlobWriter
from storage_adapters.records import BlobInfo

logger = logging.getLogger(__name__)

_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,63}")


class LocalBlobStore(
    BlobStore,
    ServesSignedUrls,
    SupportsCopy,
    SupportsLocalFiles,
    SupportsWholeWrites,
    KeepsOnDisk,
    SupportsColdReads,
    SupportsFreeSpace,
    SupportsListing,
    SupportsReplacement,
    SupportsTwins,
):
    """Blobs under one folder, which threads and processes can share."""

    def __init__(self, root: Path, *, signing_key: bytes, public_url: str, bucket: str = "local") -> None:
        self._bucket = bucket
        self.url_signer = UrlSigner(signing_key, public_url)
        self.root = root
        self._blobs = root / "blobs"
        with disk.os_errors_as_unavailable(name=root):
            disk.make_folder(self._blobs)
            disk.make_folder(root / "tmp")
            disk.sync_folder(root)
            self._workspace = Workspace(root / "tmp")
            self._workspace.sweep()
        self._folders = BlobFolders(self._blobs, self._workspace)

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
        self._folders.require_free(key)
        return self._writer(key, self._folders.publish, content_type, now, digests)

    def replacement(self, key: str, *, generation: str, content_type: str, now: int) -> BlobWriter:
        """See ``SupportsReplacement``. Raises StorageUnavailable when the file system cannot exchange two folders."""
        self._folders.require(key, generation)
        return self._writer(key, partial(self._folders.replace, generation=generation), content_type, now, Digests())

    @property
    def medium(self) -> str:
        """See ``SupportsTwins``."""
        with disk.os_errors_as_unavailable():
            return f"device-{self._blobs.stat().st_dev}"

    def is_same(self, other: object) -> bool:
        """See ``SupportsTwins``."""
        with disk.os_errors_as_unavailable():
            return isinstance(other, LocalBlobStore) and self.root.samefile(other.root)

    def twin_writer(self, key: str, *, content_type: str, now: int) -> TwinWriter:
        """See ``SupportsTwins``."""
        self._folders.require_free(key)
        return self._writer(key, self._folders.publish, content_type, now, Digests(None))

    def _writer(
        self, key: str, publish: Callable[[Path, BlobInfo], None], content_type: str, now: int, digests: Digests
    ) -> LocalBlobWriter:
        return LocalBlobWriter(self._workspace.fresh_path(), publish, self._fresh(key, content_type, now), digests)

    def _fresh(self, key: str, content_type: str, now: int) -> BlobInfo:
        generation = secrets.token_hex(8)
        return BlobInfo(
            bucket=self._bucket, key=key, size=0, content_type=content_type, created_at=now, generation=generation
        )

    def head(self, key: str) -> BlobInfo:
        """See ``BlobStore``."""
        return self._folders.head(key)

    def get(
        self, key: str, *, offset: int = 0, length: int | None = None, generation: str | None = None
    ) -> Iterator[bytes]:
        """See ``BlobStore``."""
        check_range(offset, length)
        pieces = self._folders.pieces(key, offset, length)
        # The first step opens the file: a missing blob is reported here, not when bytes are read.
        next(pieces)
        # Looked at behind the opening: a blob that is exchanged in between is noticed.
        if generation is not None:
            self._folders.require(key, generation)
        return pieces

    def delete(self, key: str, *, generation: str | None = None) -> None:
        """See ``BlobStore``."""
        self._folders.delete(key, generation)

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
        self._folders.require_free(target)
        info = replace(origin, bucket=self._bucket, key=target, created_at=now, generation=secrets.token_hex(8))
        folder = self._workspace.fresh_path()
        with disk.os_errors_as_unavailable():
            try:
                folder.mkdir(mode=disk.FOLDER_MODE)
                try:
                    disk.link_or_copy(self._folders.content(source), folder / CONTENT)
                except FileNotFoundError:
                    raise BlobNotFound(f"no blob {source}") from None
                if self.head(source).generation != origin.generation:
                    raise BlobNotFound(f"blob {source} was deleted")
                disk.write_file(folder / INFO, blob_info_to_document(info))
                disk.sync_folder(folder)
                self._folders.publish(folder, info)
            finally:
                disk.remove_tree(folder)
        return info

    def scan(self, *, prefix: str = "", after: str = "", limit: int) -> list[BlobInfo]:
        """See ``SupportsListing``."""
        found: list[BlobInfo] = []
        with disk.os_errors_as_unavailable():
            for key in walk(self._blobs, prefix, after):
                info = self._described(key)
                if isinstance(info, BlobInfo):
                    found.append(info)
                elif info is not None:
                    logger.warning("a blob is left out of the list: %s", info, extra={"key": key})
                if len(found) >= limit:
                    break
        return found

    def unlisted(self, *, prefix: str, after: str, until: str | None) -> list[BlobInfo]:
        """See ``SupportsListing``."""
        found: list[BlobInfo] = []
        with disk.os_errors_as_unavailable():
            for key in walk(self._blobs, prefix, after):
                if until is not None and segments(key) > segments(until):
                    break
                if not isinstance(self._described(key), BlobInfo):
                    info = self._folders.remains(key, self._bucket)
                    found += [info] if info is not None else []
        return found

    def _described(self, key: str) -> BlobInfo | StorageError | None:
        """Return the description of a blob, None for one that is deleted meanwhile, or why it cannot be described."""
        try:
            return self.head(key)
        except (BlobDamaged, StorageUnavailable) as error:
            if isinstance(error, StorageUnavailable):
                # Some sectors of a disk are gone while it works otherwise.
                self.ping()
            return error
        except BlobNotFound:
            return None

    def local_path(self, key: str) -> Path:
        """See ``SupportsLocalFiles``."""
        path = self._folders.content(key)
        with disk.os_errors_as_unavailable():
            if not path.is_file():
                raise BlobNotFound(f"no blob {key}")
        return path

    def forget_cached(self, key: str) -> None:
        """See ``SupportsColdReads``."""
        disk.forget_cached(self._folders.content(key))

    def write_whole(
        self, key: str, data: bytes | bytearray | memoryview, *, sha256: str | None, content_type: str, now: int
    ) -> None:
        """See ``SupportsWholeWrites``."""
        self._folders.require_free(key)
        info = replace(self._fresh(key, content_type, now), size=len(data), sha256=sha256)
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
                self._folders.publish(folder, info)
            except BaseException:
                disk.remove_tree(folder)
                raise

    def free_bytes(self) -> int:
        """See ``SupportsFreeSpace``."""
        with disk.os_errors_as_unavailable():
            found = os.statvfs(self._blobs)
        return disk.free_bytes_of(found)
