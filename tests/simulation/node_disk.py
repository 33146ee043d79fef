"""A simulated node: its disk with what is durable and what is not, its inventory, and the effects on both."""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from typing import Any

from storage_adapters.blobs.nodes.protocol import disk as d
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.errors import ChunkExists, ChunkRemoved, DiskError, DiskFull
from storage_adapters.blobs.nodes.protocol.layout import partition_of
from tests.simulation.kernel import Kernel, Process, Task

CLUSTER = "cluster"


class File:
    """A copy: recorded hash, bytes as they are, and the parts of it that a crash cannot take."""

    __slots__ = ("data", "lied", "named", "sha256", "synced", "touched_at", "version", "written_at")

    def __init__(self, sha: str, data: bytes, version: str, now: float) -> None:
        self.sha256, self.data, self.version = sha, data, version
        self.synced = self.named = self.lied = False
        self.written_at = self.touched_at = now

    def is_durable(self) -> bool:
        """Return True when a crash takes nothing of it."""
        return self.synced and self.named


class NodeDisk:
    """Files, trash, quarantine and record of one node, with the faults that its disk has now."""

    def __init__(self, node_id: str, kernel: Kernel) -> None:
        self.node_id, self.kernel = node_id, kernel
        self.files: dict[str, File] = {}
        self.beside: dict[str, File] = {}
        self.trash: dict[str, File] = {}
        self.quarantine: list[tuple[str, File]] = []
        self.removed: set[str] = set()
        self.record: d.NodeRecord | None = None
        self.inventory: set[str] = set()
        self.complete = False
        self.lies = self.is_full = False
        self.fails = 0.0
        self.slow = 1.0
        self.skew = 0.0

    def is_good(self, key: str, data: bytes) -> bool:
        """Return True when the copy has these bytes."""
        file = self.files.get(key)
        return file is not None and file.data == data and sha256(data).hexdigest() == file.sha256

    def crash(self) -> None:
        """Lose what is not durable: names, or bytes, or neither."""
        chance = self.kernel.random
        self.beside.clear()
        self.removed.clear()
        for key in list(self.files):
            file = self.files[key]
            if not file.named and chance() < 0.5:
                del self.files[key]
            elif not file.synced and chance() < 0.6:
                file.data = file.data[: len(file.data) // 2]
            file.named = file.synced = True
        if self.record is None or not self.record.clean:
            # What was saved of the inventory is old.
            self.inventory = {key for key in sorted(self.files) if chance() < 0.5}
            self.complete = False

    def note_removal(self, effect: d.Trash) -> None:
        """Keep a name that the service has removed."""
        if effect.reason == "removed":
            self.removed.add(effect.chunk_id)

    def at_risk(self) -> bool:
        """Return True when a crash would take something that the node has confirmed: the disk lied."""
        return any(file.lied and not file.synced for file in self.files.values())


class DiskEffects:
    """Handlers of the disk effects; each takes a moment, in which others run."""

    def __init__(self, kernel: Kernel, observer: Any) -> None:
        self.kernel, self.observer = kernel, observer
        self.locks: dict[Process, deque[tuple[Task, Any]]] = {}
        simple = {
            d.WriteBeside: self._write_beside,
            d.SyncFile: self._sync_file,
            d.Discard: lambda disk, effect: disk.beside.pop(effect.name, None) and None,
            d.Rename: self._rename,
            d.SyncFolder: self._sync_folder,
            d.ReadChunk: self._read,
            d.OpenChunk: self._open,
            d.LookUp: self._look_up,
            d.ListPartitions: self._list_partitions,
            d.ListChunks: self._list_chunks,
            d.WalkDisk: self._walk,
            d.Restore: self._restore,
            d.Quarantine: self._quarantine,
            d.ReadState: lambda disk, _: disk.record,
            d.WriteState: self._write_state,
        }
        for kind, perform in simple.items():
            kernel.handlers[kind] = self._timed(perform)
        kernel.handlers[d.Trash] = self._trash
        kernel.handlers[d.Exclusive] = self._exclusive

    def _timed(self, perform: Any) -> Any:
        after, random = self.kernel.after, self.kernel.random

        def handle(task: Task, effect: Any) -> None:
            disk: NodeDisk = task.process.view
            after((0.0002 + 0.002 * random()) * disk.slow, self._perform, task, perform, disk, effect)

        return handle

    def _perform(self, task: Task, perform: Any, disk: NodeDisk, effect: Any) -> None:
        if not task.process.alive:
            return
        try:
            if disk.fails and not isinstance(effect, d.Discard | d.ReadState) and self.kernel.random() < disk.fails:
                raise DiskError("I/O error")
            value = perform(disk, effect)
        except (DiskError, ChunkRemoved) as error:
            self.kernel.resume(task, None, error)
            return
        self.kernel.resume(task, value)

    def _write_beside(self, disk: NodeDisk, effect: d.WriteBeside) -> d.Beside:
        if disk.is_full:
            raise DiskFull("no space left")
        name, sha = self.kernel.token(), sha256(effect.data).hexdigest()
        disk.beside[name] = File(sha, effect.data, name, self.kernel.now)
        return d.Beside(name, sha, len(effect.data))

    def _sync_file(self, disk: NodeDisk, effect: d.SyncFile) -> None:
        disk.beside[effect.name].synced = not disk.lies
        disk.beside[effect.name].lied = disk.lies

    def _rename(self, disk: NodeDisk, effect: d.Rename) -> None:
        if effect.chunk_id in disk.removed:
            raise ChunkRemoved("the name was removed")
        present = disk.files.get(effect.chunk_id)
        if (present.version if present else "") != effect.replaces:
            raise ChunkExists("the name is taken")
        if present is not None:
            disk.quarantine.append((effect.chunk_id, present))
        disk.files[effect.chunk_id] = disk.beside.pop(effect.name)
        disk.inventory.add(effect.chunk_id)
        self.observer.gone(effect.chunk_id)

    def _sync_folder(self, disk: NodeDisk, effect: d.SyncFolder) -> None:
        file = disk.files.get(effect.chunk_id)
        if file is not None:
            file.named = True

    def _read(self, disk: NodeDisk, effect: d.ReadChunk) -> d.Content | None:
        file = disk.files.get(effect.chunk_id)
        if file is None:
            return None
        file.touched_at = self.kernel.now
        return d.Content(file.sha256, file.data, file.version)

    def _open(self, disk: NodeDisk, effect: d.OpenChunk) -> m.ChunkData | None:
        file = disk.files.get(effect.chunk_id)
        if file is None:
            return None
        end = None if effect.length is None else effect.offset + effect.length
        return m.ChunkData(file.sha256, len(file.data), file.data[effect.offset : end])

    def _entry(self, disk: NodeDisk, file: File) -> m.Entry:
        return m.Entry(file.sha256, len(file.data), self.kernel.now - file.written_at + disk.skew)

    def _look_up(self, disk: NodeDisk, effect: d.LookUp) -> dict[str, m.Entry]:
        return {key: self._entry(disk, disk.files[key]) for key in effect.chunk_ids if key in disk.files}

    def _list_partitions(self, disk: NodeDisk, _: d.ListPartitions) -> m.Inventory:
        sums = {partition_of(key): m.PartitionSum(1, 1, 1) for key in sorted(disk.inventory)}
        return m.Inventory(disk.complete, disk.record.boot_id if disk.record else "", sums)

    def _list_chunks(self, disk: NodeDisk, effect: d.ListChunks) -> m.InventoryPage:
        keys = [key for key in sorted(disk.inventory) if key in disk.files and partition_of(key) == effect.partition]
        entries = {key: self._entry(disk, disk.files[key]) for key in keys}
        return m.InventoryPage(disk.complete, disk.record.boot_id if disk.record else "", entries)

    def _walk(self, disk: NodeDisk, _: d.WalkDisk) -> None:
        disk.inventory = set(disk.files)
        disk.complete = True

    def _restore(self, disk: NodeDisk, effect: d.Restore) -> bool:
        disk.removed.discard(effect.chunk_id)
        if effect.chunk_id not in disk.files and effect.chunk_id in disk.trash:
            disk.files[effect.chunk_id] = disk.trash.pop(effect.chunk_id)
            disk.inventory.add(effect.chunk_id)
        return effect.chunk_id in disk.files

    def _quarantine(self, disk: NodeDisk, effect: d.Quarantine) -> None:
        file = disk.files.get(effect.chunk_id)
        if file is not None and file.version == effect.version:
            disk.quarantine.append((effect.chunk_id, disk.files.pop(effect.chunk_id)))
            disk.inventory.discard(effect.chunk_id)
            self.observer.gone(effect.chunk_id)

    def _write_state(self, disk: NodeDisk, effect: d.WriteState) -> None:
        self.observer.record_written(disk, effect.record)
        disk.record = effect.record

    def _trash(self, task: Task, effect: d.Trash) -> None:
        disk: NodeDisk = task.process.view
        self.kernel.after((0.0002 + 0.002 * self.kernel.random()) * disk.slow, self._move, task, disk, effect)

    def _move(self, task: Task, disk: NodeDisk, effect: d.Trash) -> None:
        if not task.process.alive:
            return
        disk.note_removal(effect)
        file = disk.files.pop(effect.chunk_id, None)
        disk.inventory.discard(effect.chunk_id)
        if file is not None:
            disk.trash[effect.chunk_id] = file
            self.observer.trashed(disk, effect, task.request)
        self.kernel.resume(task, file is not None)

    def _exclusive(self, task: Task, effect: d.Exclusive) -> None:
        waiting = self.locks.get(task.process)
        if waiting is not None:
            waiting.append((task, effect.step))
            return
        self.locks[task.process] = deque()
        self._enter(task, effect.step)

    def _enter(self, task: Task, step: Any) -> None:
        def leave(value: Any, error: Any) -> None:
            waiting = self.locks[task.process]
            if waiting:
                self.kernel.after(0.0, self._enter, *waiting.popleft())
            else:
                del self.locks[task.process]
            self.kernel.resume(task, value, error)

        self.kernel.spawn(task.process, step, leave, task.request)
