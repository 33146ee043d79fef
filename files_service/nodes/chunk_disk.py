"""Chunks as files: ``chunks/PARTITION/HASH OF NAME``, each a line of JSON with its check, and the bytes.

A chunk is written beside, in ``tmp/``, synced, and renamed to its place. ``trash/`` has what was deleted for some days,
``quarantine/`` copies whose bytes were not those of their hash. Nothing here creates a folder above a partition, so
that a disk that was unmounted is never replaced by a folder of the file system below.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from storage_adapters.blobs.local import disk
from storage_adapters.blobs.nodes.protocol.naming import parse_name

CHUNKS, TMP, TRASH, QUARANTINE = "chunks", "tmp", "trash", "quarantine"
FOLDERS = (CHUNKS, TMP, TRASH, QUARANTINE)
MAGIC = b"files-chunk-1 "
# A name has at most 600 characters and the text beside the bytes at most 6 KiB, so the first line is shorter.
HEADER_BYTES = 16 * 1024
_CHECK_BYTES = 16
_MARK_CHARACTERS = 16
_PARTITION = re.compile("[0-9a-f]{3}")


class Damaged(Exception):
    """A file that is no chunk."""


@dataclass(frozen=True, slots=True)
class ChunkFile:
    """An open chunk: the first line of its file, the offset of its bytes, and the version of the copy."""

    name: str
    sha256: str
    size: int
    stored_at: int
    info: str
    start: int
    version: str


class ChunkDisk:
    """The files of one node below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._synced: set[int] = set()

    def path_of(self, partition: int, name: str) -> Path:
        """Return the place of a chunk."""
        return self.root / CHUNKS / f"{partition:03x}" / _hash(name)

    def beside(self, name: str) -> Path:
        """Return the path of a file that is written beside."""
        return self.root / TMP / name

    def sweep(self) -> None:
        """Remove what a process that died left half written. A folder that somebody put there stays."""
        for path in (self.root / TMP).iterdir():
            with suppress(IsADirectoryError):
                path.unlink()

    def write_beside(self, name: str, sha256: str, pieces: Sequence[bytes], *, info: str, stored_at: int) -> Path:
        """Write the file of a chunk in ``tmp/``, without syncing it. Raises OSError, and leaves nothing then."""
        path = self.root / TMP / secrets.token_hex(8)
        size = sum(map(len, pieces))
        header = orjson.dumps({"name": name, "sha256": sha256, "size": size, "stored_at": stored_at, "info": info})
        try:
            file = disk.NewFile(path)
            try:
                file.write(MAGIC + _check(header) + header + b"\n")
                for piece in pieces:
                    file.write(piece)
            finally:
                file.close()
        except OSError:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise
        return path

    def publish(self, path: Path, partition: int, name: str) -> None:
        """Rename a synced file to its place."""
        place = self.path_of(partition, name)
        if partition not in self._synced:
            self._make(place.parent, partition)
        try:
            path.rename(place)
        except FileNotFoundError:
            self._make(place.parent, partition)
            path.rename(place)

    def open(self, path: Path) -> tuple[BinaryIO, ChunkFile]:
        """Open a chunk. Raises FileNotFoundError, Damaged."""
        file = path.open("rb", buffering=0)
        try:
            return file, _parsed(file.read(HEADER_BYTES), os.fstat(file.fileno()))
        except BaseException:
            file.close()
            raise

    def read(self, path: Path, *, cold: bool = False) -> tuple[str, bytes, str]:
        """Return the hash that a chunk should have, its bytes, and the version of the copy. Raises FileNotFoundError.

        A file that is no chunk has the hash "". With ``cold`` the bytes come from the medium, not from memory.
        """
        with path.open("rb", buffering=0) as file:
            if cold:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            found = os.fstat(file.fileno())
            content = file.read()
        try:
            chunk = _parsed(content[:HEADER_BYTES], found)
        except Damaged:
            return "", content, _version(found)
        return chunk.sha256, content[chunk.start :], chunk.version

    def version_of(self, path: Path) -> str:
        """Return the version of the copy at a path, "" when there is none."""
        try:
            return _version(path.stat())
        except FileNotFoundError:
            return ""

    def partitions(self) -> list[int]:
        """Return the partitions that have a folder."""
        names = (path.name for path in (self.root / CHUNKS).iterdir())
        return [int(name, 16) for name in names if _PARTITION.fullmatch(name)]

    def sizes_of(self, partition: int) -> dict[str, int]:
        """Return the sizes of the files of a partition, by the names of the files; 0 for one without a known size."""
        sizes = {}
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            os.scandir(self.root / CHUNKS / f"{partition:03x}") as entries,
        ):
            for entry in entries:
                with suppress(FileNotFoundError):
                    sizes[entry.name] = _size_of(entry)
        return sizes

    def trash(self, partition: int, name: str, *, now: int) -> bool:
        """Move a chunk into the trash, durably; return False when there is none."""
        return self._move(self.path_of(partition, name), self.root / TRASH / f"{_hash(name)}{_mark_of(name)}.{now:x}")

    def quarantine(self, path: Path, *, now: int) -> bool:
        """Move a damaged file out of the way, durably; return False when there is none."""
        return self._move(path, self.root / QUARANTINE / f"{path.name}.{now:x}")

    def trashed(self, name: str) -> Path | None:
        """Return the latest file of a name in the trash."""
        found = sorted((self.root / TRASH).glob(f"{_hash(name)}.*"), key=_moved_at)
        return found[-1] if found else None

    def trashed_of(self, key: str) -> list[str]:
        """Return the names of the chunks of one generation of a blob: that which came into the trash last."""
        names = {}
        for path in (self.root / TRASH).glob(f"*.{_hash(key)[:_MARK_CHARACTERS]}.*"):
            with suppress(FileNotFoundError, Damaged):
                file, chunk = self.open(path)
                file.close()
                parsed = parse_name(chunk.name)
                if parsed is not None and parsed.key == key:
                    names[chunk.name] = parsed.is_index, _moved_at(path), parsed.generation
        *_, generation = max(names.values(), default=("",))
        return sorted(name for name, (*_, each) in names.items() if each == generation)

    def restore(self, path: Path, partition: int, name: str) -> None:
        """Move a file of the trash back to its place, durably."""
        self.publish(path, partition, name)
        disk.sync_together(
            lambda: disk.sync_folder(self.path_of(partition, name).parent), lambda: disk.sync_folder(self.root / TRASH)
        )

    def purge(self, folder: str, *, before: int) -> int:
        """Remove the files that were moved into a folder before a time; return their number."""
        old = [path for path in (self.root / folder).iterdir() if path.is_file() and _moved_at(path) < before]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def room(self) -> tuple[int, int]:
        """Return the free bytes and all bytes of the file system."""
        found = os.statvfs(self.root)
        return disk.free_bytes_of(found), found.f_blocks * found.f_frsize

    def number_of(self, folder: str) -> int:
        """Return the number of files in a folder, 0 when the disk is gone."""
        with suppress(OSError):
            return sum(1 for _ in (self.root / folder).iterdir())
        return 0

    def _make(self, folder: Path, partition: int) -> None:
        """Create the folder of a partition, unless it is there, and sync its name.

        That of a folder that is there too: another writer made it a moment ago, or a process that died.
        """
        folder.mkdir(mode=disk.FOLDER_MODE, exist_ok=True)
        disk.sync_folder(folder.parent)
        self._synced.add(partition)

    def _move(self, source: Path, target: Path) -> bool:
        try:
            source.rename(target)
        except FileNotFoundError:
            return False
        disk.sync_together(lambda: disk.sync_folder(source.parent), lambda: disk.sync_folder(target.parent))
        return True


def is_full(error: OSError) -> bool:
    """Return True when the disk has no room left."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _size_of(entry: os.DirEntry[str]) -> int:
    """Return the size of a file; 0 when its inode cannot be read: opening it then tells the error."""
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        raise
    except OSError:
        return 0


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _mark_of(name: str) -> str:
    """Return what tells the blob of a chunk in the name of its file in the trash."""
    parsed = parse_name(name)
    return "" if parsed is None else f".{_hash(parsed.key)[:_MARK_CHARACTERS]}"


def _moved_at(path: Path) -> int:
    try:
        return int(path.suffix[1:], 16)
    except ValueError:
        return 0


def _check(header: bytes) -> bytes:
    return hashlib.sha256(header).hexdigest()[:_CHECK_BYTES].encode()


def _version(found: os.stat_result) -> str:
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}"


def _parsed(head: bytes, found: os.stat_result) -> ChunkFile:
    end = head.find(b"\n")
    try:
        check, document = head[len(MAGIC) : len(MAGIC) + _CHECK_BYTES], head[len(MAGIC) + _CHECK_BYTES : end]
        if not head.startswith(MAGIC) or end < 0 or check != _check(document):
            raise ValueError("no header")
        chunk = ChunkFile(start=end + 1, version=_version(found), **orjson.loads(document))
        if chunk.size != found.st_size - chunk.start:
            raise ValueError("the file was cut")
    except (ValueError, TypeError) as error:
        raise Damaged(f"a file is no chunk: {error}") from error
    return chunk
