"""Comparison of the inventory with the disk, after a stop that was not in order."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from files_service.nodes.chunk_disk import ChunkDisk, Damaged
from files_service.nodes.disk_health import DiskHealth
from files_service.nodes.identity import NodeFolder
from files_service.nodes.inventory import Entry, Inventory
from storage_adapters.blobs.nodes.protocol.layout import partition_of

logger = logging.getLogger(__name__)

# Errors of one file. Any other, such as too many open files, says nothing of the file.
OF_A_FILE = frozenset(
    {errno.EIO, errno.EBADMSG, errno.EUCLEAN, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENXIO, errno.ELOOP}
)
# So many files that cannot be read are those of a disk that can, however few there are.
_FEW = 3


@dataclass(slots=True)
class _Tally:
    """Files that a walk met, and those of them that could not be read; ``error`` is the last one."""

    files: int = 0
    unreadable: int = 0
    error: OSError | None = None

    def check(self) -> None:
        """Raise the last error when most files cannot be read: the disk fails."""
        if self.error is not None and self.unreadable > max(_FEW, self.files // 2):
            raise self.error


class DiskWalk:
    """A walk over the disk, partition by partition, while chunks come and go.

    A file that cannot be read is skipped, as one that is no chunk: it stays until it is written again, and nobody
    counts it as a copy. A disk that cannot be read ends the walk.
    """

    def __init__(
        self,
        folder: NodeFolder,
        disk: ChunkDisk,
        inventory: Inventory,
        health: DiskHealth,
        locked: Callable[[str], Lock],
    ) -> None:
        self._folder, self._disk, self._inventory = folder, disk, inventory
        self._health, self._locked = health, locked
        self._walked: set[int] = set()
        self._told: set[str] = set()

    def __contains__(self, partition: int) -> bool:
        return partition in self._walked

    def whole(self) -> None:
        """Make the inventory that of the disk. Raises OSError, MarkerGone."""
        tally = _Tally()
        try:
            for number in sorted({*self._disk.partitions(), *(number for number, *_ in self._inventory.sums())}):
                self._compare(number, tally)
            tally.check()
        except OSError:
            self._walked.clear()
            raise
        self._folder.check()

    def partition(self, number: int) -> None:
        """Make the inventory of a partition that of the disk. Raises OSError, MarkerGone."""
        tally = _Tally()
        self._compare(number, tally)
        tally.check()
        self._walked.add(number)

    def _compare(self, number: int, tally: _Tally) -> None:
        sizes: dict[str, int] = {}
        try:
            sizes = self._disk.sizes_of(number)
        except OSError as error:
            self._skip(f"{number:03x}", error, tally)
        # Behind the look: on a disk that is gone, so are all files.
        self._folder.check()
        tally.files += len(sizes)
        entries = self._inventory.of_partition(number)
        known = {self._disk.path_of(number, entry.name).name: entry for entry in entries}
        for name, entry in known.items():
            # The first line of a file has a length of its own: a smaller file was cut.
            if sizes.get(name, -1) <= entry.size:
                self._look_again(number, entry.name, tally)
        for name in sizes.keys() - known.keys():
            chunk_id = self._name_of(number, name, tally)
            if chunk_id is not None and partition_of(chunk_id) == number:
                self._look_again(number, chunk_id, tally)

    def _name_of(self, number: int, name: str, tally: _Tally) -> str | None:
        try:
            file, chunk = self._disk.open(self._disk.path_of(number, "").with_name(name))
        except (Damaged, FileNotFoundError):
            return None
        except OSError as error:
            self._skip(name, error, tally)
            return None
        file.close()
        return chunk.name

    def _look_again(self, number: int, name: str, tally: _Tally) -> None:
        with self._locked(name):
            path = self._disk.path_of(number, name)
            try:
                file, chunk = self._disk.open(path)
            except (FileNotFoundError, Damaged):
                self._folder.check()
                self._inventory.remove(number, name)
            except OSError as error:
                self._skip(path.name, error, tally)
                self._inventory.remove(number, name)
            else:
                file.close()
                self._inventory.put(number, Entry(chunk.name, chunk.size, chunk.sha256, chunk.stored_at, 0))

    def _skip(self, name: str, error: OSError, tally: _Tally) -> None:
        """Go on behind a file or a folder with an error of its own. Raises the error of a disk that cannot be read."""
        if error.errno not in OF_A_FILE:
            raise error
        self._folder.probe()
        tally.unreadable, tally.error = tally.unreadable + 1, error
        if name not in self._told:
            self._told.add(name)
            self._health.note(error)
            logger.error("a file cannot be read, and is no copy", extra={"file": name, "error": error.strerror})
