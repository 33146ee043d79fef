"""Folders of blobs: their places, their descriptions, and how they come and go.

``blobs/SEGMENT/…/SEGMENT.blob/`` holds one blob: its ``content`` and an ``info.json``. The folder is complete and
synced before one rename publishes it, and a folder cannot be renamed onto a non-empty folder: so a blob is written
once. Segments of keys have no dots, so ``.blob`` keeps ``a`` and ``a/b`` apart.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import orjson

from storage_adapters.blobs.keys import check_key
from storage_adapters.blobs.local import disk
from storage_adapters.blobs.local.exchange import exchange
from storage_adapters.blobs.local.workspace import Workspace
from storage_adapters.blobs.local.writer import CONTENT, INFO
from storage_adapters.codec import blob_info_from_document
from storage_adapters.errors import BlobDamaged, BlobExists, BlobNotFound, StorageUnavailable
from storage_adapters.records import BlobInfo

# Blocks of 256 KiB and more are mappings of their own in a gateway, and each page of a new mapping is a fault.
PIECE = 192 * 1024
_ATTEMPTS = 100


class BlobFolders:
    """The folders of all blobs under one root, beside a workspace on the same file system."""

    def __init__(self, root: Path, workspace: Workspace) -> None:
        self.root = root
        self._workspace = workspace

    def content(self, key: str) -> Path:
        """Return the path of a blob's bytes. Raises InvalidKey."""
        return self.folder(key) / CONTENT

    def folder(self, key: str) -> Path:
        """Return the folder of a key. Raises InvalidKey."""
        return self.root / f"{check_key(key)}.blob"

    def require_free(self, key: str) -> None:
        """Raise BlobExists when the place of a key is taken."""
        with suppress(BlobNotFound):
            info = self.head(key)
            # The creator may have died before it synced, and the caller relies on the blob.
            with disk.os_errors_as_unavailable():
                disk.sync_chain(self.folder(key).parent, self.root)
            raise BlobExists(info)

    def publish(self, folder: Path, info: BlobInfo) -> None:
        """Rename the finished folder to its place and sync. Raises BlobExists when the place is taken."""
        place = self.folder(info.key)
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
                self.require_free(info.key)
                self._remove_remains(info.key)
            else:
                disk.sync_chain(place.parent, self.root)
                return
        raise StorageUnavailable(f"cannot create a place for blob {info.key}")

    def require(self, key: str, generation: str) -> None:
        """Raise BlobNotFound unless the blob of a key is of this generation."""
        if self.head(key).generation != generation:
            raise BlobNotFound(f"blob {key} was replaced")

    def replace(self, folder: Path, info: BlobInfo, *, generation: str) -> None:
        """Put the finished folder in the place of this generation, in one step. Raises BlobNotFound."""
        place = self.folder(info.key)
        # The lock keeps out deleters, and others that exchange.
        with disk.locked(self.root):
            self.require(info.key, generation)
            exchange(folder, place)
        disk.sync_chain(place.parent, self.root)
        disk.remove_tree(folder)

    def head(self, key: str) -> BlobInfo:
        """Return the description of a blob; see ``BlobStore``."""
        folder = self.folder(key)
        info = self._read_info(folder / INFO, key)
        with disk.os_errors_as_unavailable():
            try:
                size = (folder / CONTENT).stat().st_size
            except FileNotFoundError:
                raise BlobNotFound(f"the bytes of blob {key} are gone") from None
        return info if size == info.size else replace(info, size=size, md5=None, crc32c=None, sha256=None)

    def delete(self, key: str, generation: str | None) -> None:
        """Remove a blob; see ``BlobStore``."""
        folder = self.folder(key)
        rubbish = self._workspace.fresh_path()
        with disk.os_errors_as_unavailable():
            # Only a delete frees a blob's place: the lock among deleters ensures that the blob that was checked is the
            # one that is removed.
            with disk.locked(self.root), suppress(FileNotFoundError, BlobNotFound):
                if generation is not None and not self._has(key, generation):
                    return
                folder.rename(rubbish)
            # Sync also when nothing was there: the remover may have died before it synced.
            disk.sync_chain(folder.parent, self.root)
            disk.remove_tree(rubbish)
            self._remove_empty(folder.parent)

    def _has(self, key: str, generation: str) -> bool:
        """Return True when the blob of a key is of this generation; with "", when it cannot be described."""
        try:
            return self.head(key).generation == generation
        except (BlobNotFound, StorageUnavailable):
            if generation:
                raise
            return True

    def remains(self, key: str, bucket: str) -> BlobInfo | None:
        """Return what the disk tells of a blob that cannot be described; None when it is deleted meanwhile."""
        folder = self.folder(key)
        with disk.os_errors_as_unavailable():
            found = [path.stat() for path in (folder, folder / CONTENT) if path.exists()]
        if not found:
            return None
        size, changed_at = found[-1].st_size if len(found) > 1 else 0, max(each.st_mtime_ns for each in found)
        return BlobInfo(
            bucket=bucket, key=key, size=size, content_type="", created_at=changed_at // 1_000_000, generation=""
        )

    def pieces(self, key: str, offset: int, length: int | None) -> Iterator[bytes]:
        """Yield b"" when the file is open, then the bytes of a range."""
        path = self.content(key)
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

    def _remove_remains(self, key: str) -> None:
        """Clear the place of a blob whose content or description a fault of the disk took."""
        rubbish = self._workspace.fresh_path()
        with disk.locked(self.root):
            try:
                self.head(key)
            except BlobNotFound:
                with suppress(FileNotFoundError):
                    self.folder(key).rename(rubbish)
        disk.remove_tree(rubbish)

    def _remove_empty(self, folder: Path) -> None:
        """Remove the empty folders above a deleted blob; a writer that needs one creates it again."""
        while folder != self.root:
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
                raise BlobDamaged(f"the description of blob {key} is damaged") from error
