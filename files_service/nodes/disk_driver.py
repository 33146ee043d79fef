"""Driver of the rules of a node: performs their effects on the files of one disk."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from files_service.nodes.chunk_bodies import Body, FileRange
from files_service.nodes.chunk_disk import ChunkDisk, Damaged
from files_service.nodes.copies import Copies
from files_service.nodes.disk_health import DiskHealth, translated
from files_service.nodes.identity import NodeFolder
from files_service.nodes.inventory import Entry, Inventory
from files_service.nodes.removed_names import RemovedNames
from files_service.nodes.walking import DiskWalk
from files_service.runtime.clock import now_ms
from storage_adapters.blobs.local import disk as files
from storage_adapters.blobs.nodes.protocol import disk as d
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.effects import Call, Effect, Step, Token, drive
from storage_adapters.blobs.nodes.protocol.errors import (
    ChunkExists,
    ChunkRemoved,
    CopyUnreadable,
    DiskError,
    DiskFull,
)
from storage_adapters.blobs.nodes.protocol.layout import partition_of
from storage_adapters.blobs.nodes.protocol.naming import parse_name

T = TypeVar("T")


class DiskDriver:
    """Effects of one node on its disk; threads may share it. ``call`` reaches other nodes."""

    def __init__(
        self,
        folder: NodeFolder,
        disk: ChunkDisk,
        inventory: Inventory,
        call: Callable[[Call], m.Reply],
        *,
        floor_bytes: int,
    ) -> None:
        self._folder, self._disk, self._inventory, self._call = folder, disk, inventory, call
        self.floor_bytes = floor_bytes
        self._local = threading.local()
        self._exclusion = threading.Lock()
        self._written: dict[str, Entry] = {}
        self._removed = RemovedNames()
        self.health = DiskHealth()
        self.complete = False
        self._copies = Copies(folder, disk, inventory, self.health)
        self._walk = DiskWalk(folder, disk, inventory, self.health, self._copies.locked)
        self._effects: dict[type[Effect], Callable[[Any], Any]] = {
            d.WriteBeside: self._write_beside,
            d.SyncFile: self._sync_file,
            d.Discard: self._discard,
            d.Rename: self._rename,
            d.SyncFolder: self._sync_folder,
            d.ReadChunk: self._read_chunk,
            d.OpenChunk: self._open_chunk,
            d.LookUp: self._look_up,
            d.ListPartitions: self._list_partitions,
            d.ListChunks: self._list_chunks,
            d.WalkDisk: self._walk_disk,
            d.Trash: self._trash,
            d.Restore: self._restore,
            d.Quarantine: self._quarantine,
            d.ReadState: lambda _: self._folder.record,
            d.WriteState: lambda effect: self._folder.keep(effect.record),
            d.Exclusive: self._exclusive,
            Token: lambda _: secrets.token_hex(13),
            Call: self._call_node,
        }

    def run(self, step: Step[T], *, chunk_id: str = "", info: str = "") -> T:
        """Perform the effects of a step in this thread; ``chunk_id`` and ``info`` are of a chunk that it writes.

        Raises the ProtocolError with which the step ends.
        """
        self._local.chunk_id, self._local.info = chunk_id, info
        return drive(step, self._perform)

    def complete_partition(self, partition: int) -> None:
        """Make the inventory of a partition complete before the walk over the disk is. Raises DiskError."""
        if not self.complete and partition not in self._walk:
            with translated(self.health):
                self._walk.partition(partition)

    def named(self, partition: int, prefix: str, *, after: str, limit: int) -> list[Entry]:
        """Return chunks of a partition by the beginning of their ids. Raises DiskError."""
        with translated(self.health):
            self._folder.check()
            return self._inventory.named(partition, prefix, after=after, limit=limit)

    def ordered(self, prefix: str, *, after: tuple[int, str], limit: int) -> list[tuple[int, Entry]]:
        """Return chunks by partition and id. Raises DiskError."""
        with translated(self.health):
            self._folder.check()
            return self._inventory.ordered(prefix, after=after, limit=limit)

    def info_of(self, chunk_id: str) -> str | None:
        """Return the text beside the bytes of a chunk, None when there is no such chunk. Raises DiskError."""
        with translated(self.health), suppress(FileNotFoundError, Damaged):
            file, chunk = self._disk.open(self._copies.place(chunk_id))
            file.close()
            return chunk.info
        return None

    def _perform(self, effect: Effect) -> Any:
        with translated(self.health):
            # A step within an effect raises errors of its own, which are no errors of the system.
            return self._effects[type(effect)](effect)

    def _write_beside(self, effect: d.WriteBeside) -> d.Beside:
        self._folder.check()
        if self.health.read_only:
            raise DiskError("the disk failed several times: nothing is written any more")
        data = effect.data
        body = data if isinstance(data, Body) else Body.of((data,))
        if self._disk.room()[0] < self.floor_bytes + body.size:
            raise DiskFull("the disk has no room above its floor")
        now = now_ms()
        path = self._disk.write_beside(
            self._local.chunk_id, body.sha256, body.pieces, info=self._local.info, stored_at=now
        )
        self._written[path.name] = Entry(self._local.chunk_id, body.size, body.sha256, now, now)
        return d.Beside(path.name, body.sha256, body.size)

    def _sync_file(self, effect: d.SyncFile) -> None:
        files.sync_path(self._disk.beside(effect.name))

    def _discard(self, effect: d.Discard) -> None:
        self._written.pop(effect.name, None)
        with suppress(OSError):
            self._disk.beside(effect.name).unlink(missing_ok=True)

    def _rename(self, effect: d.Rename) -> None:
        partition = partition_of(effect.chunk_id)
        place = self._disk.path_of(partition, effect.chunk_id)
        with self._copies.locked(effect.chunk_id):
            self._folder.check()
            if effect.chunk_id in self._removed:
                raise ChunkRemoved(f"{effect.chunk_id} was removed")
            if self._disk.version_of(place) != effect.replaces:
                raise ChunkExists(f"another copy of {effect.chunk_id} is there")
            if effect.replaces:
                self._disk.quarantine(place, now=now_ms())
            self._disk.publish(self._disk.beside(effect.name), partition, effect.chunk_id)
            self._inventory.put(partition, self._written.pop(effect.name))

    def _sync_folder(self, effect: d.SyncFolder) -> None:
        files.sync_folder(self._copies.place(effect.chunk_id).parent)

    def _read_chunk(self, effect: d.ReadChunk) -> d.Content | None:
        self._folder.check()
        try:
            sha256, data, version = self._copies.read(effect.chunk_id)
        except FileNotFoundError:
            self._copies.forget_gone(effect.chunk_id)
            return None
        except CopyUnreadable as error:
            self._copies.forget_unreadable(effect.chunk_id, error)
            raise
        if hashlib.sha256(data).hexdigest() == sha256:
            self._copies.note_whole(effect.chunk_id, version)
        return d.Content(sha256, data, version)

    def _open_chunk(self, effect: d.OpenChunk) -> m.ChunkData | None:
        self._folder.check()
        try:
            file, chunk = self._disk.open(self._copies.place(effect.chunk_id))
        except FileNotFoundError:
            self._copies.forget_gone(effect.chunk_id)
            return None
        except Damaged as error:
            raise DiskError(str(error)) from error
        offset = min(effect.offset, chunk.size)
        rest = chunk.size - offset
        length = rest if effect.length is None else max(0, min(effect.length, rest))
        return m.ChunkData(
            chunk.sha256, chunk.size, FileRange(file, chunk.start + offset, length), effect.chunk_id, chunk.info
        )

    def _look_up(self, effect: d.LookUp) -> dict[str, m.Entry]:
        self._folder.check()
        found = {}
        for chunk_id in effect.chunk_ids:
            partition = partition_of(chunk_id)
            # Before the look: a walk may end behind it.
            is_complete = self.complete or partition in self._walk
            entry = self._inventory.find(partition, chunk_id)
            if entry is None and not is_complete:
                entry = self._copies.described(chunk_id)
            elif entry is not None and not self._copies.place(chunk_id).exists():
                self._copies.forget_gone(chunk_id)
                entry = None
            if entry is not None:
                found[chunk_id] = _entry(entry)
        self._folder.check()
        return found

    def _list_partitions(self, _: d.ListPartitions) -> m.Inventory:
        self._folder.check()
        # Before the look: a walk may end behind it.
        is_complete = self.complete
        sums = {number: m.PartitionSum(*values) for number, *values in self._inventory.sums()}
        return m.Inventory(is_complete, self._folder.record.boot_id, sums)

    def _list_chunks(self, effect: d.ListChunks) -> m.InventoryPage:
        self._folder.check()
        is_complete = self.complete
        entries = {entry.name: _entry(entry) for entry in self._inventory.of_partition(effect.partition)}
        return m.InventoryPage(is_complete, self._folder.record.boot_id, entries)

    def _walk_disk(self, _: d.WalkDisk) -> None:
        self._walk.whole()
        self._inventory.compared()
        self.complete = True

    def _trash(self, effect: d.Trash) -> bool:
        partition = partition_of(effect.chunk_id)
        with self._copies.locked(effect.chunk_id):
            self._folder.check()
            # A name without a generation is the hash of its bytes, and may come again.
            if effect.reason == "removed" and parse_name(effect.chunk_id) is not None:
                self._removed.add(effect.chunk_id)
            moved = self._disk.trash(partition, effect.chunk_id, now=now_ms())
            self._inventory.remove(partition, effect.chunk_id)
        return moved

    def _restore(self, effect: d.Restore) -> bool:
        if self._restore_chunk(effect.chunk_id):
            return True
        if parse_name(effect.chunk_id) is not None:
            return False
        # Of a blob without chunks, its key is all that metadata and operators know.
        names = self._disk.trashed_of(effect.chunk_id)
        return sum(self._restore_chunk(name) for name in names) > 0

    def _restore_chunk(self, chunk_id: str) -> bool:
        partition = partition_of(chunk_id)
        with self._copies.locked(chunk_id):
            self._folder.check()
            self._removed.discard(chunk_id)
            entry = self._copies.whole(chunk_id)
            path = None if entry is not None else self._disk.trashed(chunk_id)
            if path is not None:
                # What is in its place is no good copy.
                self._disk.quarantine(self._copies.place(chunk_id), now=now_ms())
                self._disk.restore(path, partition, chunk_id)
                entry = self._copies.described(chunk_id)
            if entry is not None:
                self._inventory.put(partition, entry)
        return entry is not None

    def _quarantine(self, effect: d.Quarantine) -> None:
        partition, place = partition_of(effect.chunk_id), self._copies.place(effect.chunk_id)
        with self._copies.locked(effect.chunk_id):
            self._folder.check()
            if self._disk.version_of(place) == effect.version:
                self._disk.quarantine(place, now=now_ms())
                self._inventory.remove(partition, effect.chunk_id)

    def _call_node(self, effect: Call) -> m.Reply:
        reply = self._call(effect)
        if isinstance(reply, m.ChunkData):
            # What stands beside the bytes is written with them.
            self._local.info = reply.info
        return reply

    def _exclusive(self, effect: d.Exclusive) -> Any:
        with self._exclusion:
            return drive(effect.step, self._perform)


def _entry(entry: Entry) -> m.Entry:
    return m.Entry(entry.sha256, entry.size, max(0, now_ms() - entry.stored_at) / 1000)
