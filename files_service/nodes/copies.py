"""The copies of a node: what their files tell, and what the inventory is to know of them."""

from __future__ import annotations

import errno
import hashlib
import logging
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from files_service.nodes.chunk_disk import ChunkDisk, Damaged
from files_service.nodes.disk_health import DiskHealth
from files_service.nodes.identity import NodeFolder
from files_service.nodes.inventory import Entry, Inventory
from files_service.nodes.walking import OF_A_FILE
from files_service.runtime.clock import now_ms
from storage_adapters.blobs.nodes.protocol.errors import CopyUnreadable
from storage_adapters.blobs.nodes.protocol.layout import partition_of

logger = logging.getLogger(__name__)

_STRIPES = 256
# Errors of what lies below the file. Wrong permissions are put right by other means than another copy.
_OF_THE_MEDIUM = frozenset({errno.EIO, errno.EBADMSG, errno.EUCLEAN})


class Copies:
    """The files of the chunks of a disk, beside the inventory of them; threads may share it."""

    def __init__(self, folder: NodeFolder, disk: ChunkDisk, inventory: Inventory, health: DiskHealth) -> None:
        self._folder, self._disk, self._inventory, self._health = folder, disk, inventory, health
        self._locks = [threading.Lock() for _ in range(_STRIPES)]

    def place(self, chunk_id: str) -> Path:
        """Return the path of a chunk."""
        return self._disk.path_of(partition_of(chunk_id), chunk_id)

    def locked(self, chunk_id: str) -> threading.Lock:
        """Return the lock of changes of a chunk."""
        return self._locks[hash(chunk_id) % _STRIPES]

    def described(self, chunk_id: str) -> Entry | None:
        """Return a chunk as its file tells, None when there is none."""
        with suppress(FileNotFoundError, Damaged):
            file, chunk = self._disk.open(self.place(chunk_id))
            file.close()
            return Entry(chunk.name, chunk.size, chunk.sha256, chunk.stored_at, 0)
        return None

    def read(self, chunk_id: str) -> tuple[str, bytes, str]:
        """Read a copy from the medium: the hash that it should have, its bytes, its version.

        Raises FileNotFoundError, CopyUnreadable where the disk works otherwise, OSError, MarkerGone.
        """
        place = self.place(chunk_id)
        try:
            return self._disk.read(place, cold=True)
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno not in OF_A_FILE:
                raise
            self._folder.probe()
            self._health.note(error)
            raise CopyUnreadable(f"disk error: {error.strerror}", self._disk.version_of(place)) from error

    def whole(self, chunk_id: str) -> Entry | None:
        """Return a chunk whose copy was read now and is whole, None when there is none. Raises OSError, MarkerGone."""
        with suppress(FileNotFoundError, CopyUnreadable):
            sha256, data, _ = self.read(chunk_id)
            entry = self.described(chunk_id)
            if entry is not None and hashlib.sha256(data).hexdigest() == sha256:
                return replace(entry, verified_at=now_ms())
        return None

    def note_whole(self, chunk_id: str, version: str) -> None:
        """Note that a copy was read and is whole, also of one that could not be read before, and was forgotten."""
        partition = partition_of(chunk_id)
        if self._inventory.verified(partition, chunk_id, now_ms()):
            return
        with self.locked(chunk_id):
            entry = self.described(chunk_id)
            if entry is not None and self._disk.version_of(self.place(chunk_id)) == version:
                self._inventory.put(partition, replace(entry, verified_at=now_ms()))

    def forget_gone(self, chunk_id: str) -> None:
        """Forget a chunk whose file is gone, so that a census makes another copy. Raises MarkerGone."""
        partition = partition_of(chunk_id)
        if self._inventory.find(partition, chunk_id) is None:
            self._folder.check()
            return
        with self.locked(chunk_id):
            is_there = bool(self._disk.version_of(self.place(chunk_id)))
            # Behind the look: on a disk that is gone, so are all files.
            self._folder.check()
            if not is_there:
                self._inventory.remove(partition, chunk_id)

    def forget_unreadable(self, chunk_id: str, error: CopyUnreadable) -> None:
        """Forget a copy that its medium does not give, so that a census makes another; the file stays until that comes.

        Not on a disk that takes no more writes: it fails, not the copy.
        """
        partition, cause = partition_of(chunk_id), error.__cause__
        if self._health.read_only or not isinstance(cause, OSError) or cause.errno not in _OF_THE_MEDIUM:
            return
        with self.locked(chunk_id):
            is_known = self._inventory.find(partition, chunk_id) is not None
            if not is_known or self._disk.version_of(self.place(chunk_id)) != error.version:
                return
            self._inventory.remove(partition, chunk_id)
        logger.error("a copy cannot be read, and is none", extra={"chunk": chunk_id, "error": str(error)})
