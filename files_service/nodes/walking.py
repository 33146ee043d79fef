"""Comparison of the inventory with the disk, after a stop that was not in order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Lock

from files_service.nodes.chunk_disk import ChunkDisk, Damaged
from files_service.nodes.inventory import Entry, Inventory
from storage_adapters.blobs.nodes.protocol.layout import partition_of


def walk_partition(disk: ChunkDisk, inventory: Inventory, locked: Callable[[str], Lock], partition: int) -> None:
    """Make the inventory of a partition that of the disk, while chunks come and go. Raises OSError."""
    sizes = disk.sizes_of(partition)
    known = {disk.path_of(partition, entry.name).name: entry for entry in inventory.of_partition(partition)}
    for name, entry in known.items():
        # The first line of a file has a length of its own: a smaller file was cut.
        if sizes.get(name, -1) <= entry.size:
            _look_again(disk, inventory, locked, partition, entry.name)
    for name in sizes.keys() - known.keys():
        with suppress(Damaged, FileNotFoundError):
            file, chunk = disk.open(disk.path_of(partition, "").with_name(name))
            file.close()
            if partition_of(chunk.name) == partition:
                _look_again(disk, inventory, locked, partition, chunk.name)


def _look_again(
    disk: ChunkDisk, inventory: Inventory, locked: Callable[[str], Lock], partition: int, name: str
) -> None:
    with locked(name):
        try:
            file, chunk = disk.open(disk.path_of(partition, name))
            file.close()
        except (FileNotFoundError, Damaged):
            # What is no chunk stays until it is written again; nobody counts it as a copy.
            inventory.remove(partition, name)
        else:
            inventory.put(partition, Entry(chunk.name, chunk.size, chunk.sha256, chunk.stored_at, 0))
