"""Ground truth of a world, and the invariants that hold after each step."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from storage_adapters.blobs.nodes.protocol import disk as d
from storage_adapters.blobs.nodes.protocol import messages as m
from tests.simulation.kernel import Kernel, Process, Violation
from tests.simulation.metadata import MetadataStore
from tests.simulation.node_disk import NodeDisk


class Truth:
    """Bytes of every name, the names whose bytes were acknowledged, and those that a disaster took."""

    def __init__(self, kernel: Kernel, copies: int, min_write: int) -> None:
        self.kernel, self.copies, self.min_write = kernel, copies, min_write
        self.disks: dict[str, NodeDisk] = {}
        self.hashes: dict[str, str] = {}
        self.metadata = MetadataStore(kernel, self.hashes)
        self.content: dict[str, bytes] = {}
        self.acknowledged: dict[str, bool] = {}
        self.under_way: dict[str, int] = {}
        self.taken: dict[str, bool] = {}
        self.confirmed: dict[str, dict[str, bool]] = {}
        self.exposed: list[str] = []
        self.destructions = 0
        # Names that were never used.
        self.names: list[str] = []

    def fail(self, text: str) -> None:
        """Report a broken invariant."""
        self.kernel.note("VIOLATION:", text)
        raise Violation(f"{text} (at {self.kernel.now:.3f})")

    def begin(self, key: str, data: bytes) -> None:
        """Note the bytes that a client writes under a name."""
        self.content[key] = data
        self.hashes[key] = sha256(data).hexdigest()
        self.under_way[key] = self.under_way.get(key, 0) + 1
        self.confirmed.pop(key, None)
        self.acknowledged.pop(key, None)

    def end(self, key: str) -> None:
        """Note that a write is over."""
        self.under_way[key] -= 1

    def must_exist(self, key: str) -> bool:
        """Return True for an acknowledged name that is wanted and that no disaster took."""
        return key in self.acknowledged and key in self.metadata.names and key not in self.taken

    def good(self, key: str) -> list[str]:
        """Return the nodes whose copy has the right bytes."""
        data, sha = self.content[key], self.hashes[key]
        found = []
        for node_id, disk in self.disks.items():
            file = disk.files.get(key)
            if file is not None and file.data == data and file.sha256 == sha:
                found.append(node_id)
        return found

    def acknowledge(self, key: str, *, copies: int) -> None:
        """Note that a client was told that a chunk is stored."""
        if len(self.confirmed.get(key, ())) < copies:
            self.fail(f"{key} was acknowledged after {len(self.confirmed.get(key, ()))} of {copies} confirmations")
        self.acknowledged[key] = True
        self.gone(key)

    def gone(self, key: str) -> None:
        """Check a name of which a copy went away."""
        if self.must_exist(key) and not self.good(key):
            self.fail(f"{key} is acknowledged and has no good copy")

    def all_there(self) -> None:
        """Check every name."""
        for key in self.acknowledged:
            self.gone(key)

    def stored(self, node_id: str, key: str) -> None:
        """Check a confirmation: the copy is right and durable, unless the disk lied."""
        disk = self.disks[node_id]
        file = disk.files.get(key)
        if file is not None and file.data != self.content[key]:
            self.fail(f"{node_id} confirmed a damaged copy of {key}")
        if file is not None and not (file.named and (file.synced or file.lied)):
            self.fail(f"{node_id} confirmed {key} before it was durable")
        self.confirmed.setdefault(key, {})[node_id] = True

    def trashed(self, disk: NodeDisk, effect: d.Trash, request: Any) -> None:
        """Check a move to the trash."""
        key = effect.chunk_id
        self.kernel.note(disk.node_id, "moves", key, "to the trash:", effect.reason)
        if effect.reason != "surplus" and key in self.metadata.names:
            self.fail(f"{key} is wanted, and {disk.node_id} moved it to the trash as {effect.reason}")
        epoch = getattr(request, "epoch", None)
        if epoch is not None and disk.record is not None and epoch < disk.record.epoch:
            self.fail(f"{disk.node_id} obeyed epoch {epoch} after {disk.record.epoch}")
        self.gone(key)

    def record_written(self, disk: NodeDisk, record: d.NodeRecord) -> None:
        """Check that the epoch and the number of starts never fall."""
        before = disk.record
        if before is not None and (record.epoch < before.epoch or record.boots < before.boots):
            self.fail(f"{disk.node_id} went back from epoch {before.epoch} to {record.epoch}")

    def called(self, process: Process, effect: Any) -> None:
        """Check that no returning node is named as the source of a copy."""
        returning = getattr(process.view, "returning", ())
        if isinstance(effect.request, m.Pull) and effect.request.source in returning:
            self.fail(f"{effect.request.source} is returning, and is a source of {effect.request.chunk_id}")

    def may_destroy(self) -> bool:
        """Return True when every name tried before the last destructive fault has its copies again."""
        return all(self._is_whole(key) for key in self.exposed)

    def _is_whole(self, key: str) -> bool:
        if key not in self.metadata.names or key in self.taken:
            return True
        if key not in self.acknowledged and not self.under_way.get(key):
            return True
        durable = [node_id for node_id in self.good(key) if self.disks[node_id].files[key].is_durable()]
        return len(durable) >= self.copies

    def destroyed(self) -> None:
        """Note a destructive fault."""
        self.destructions += 1
        self.exposed = list(self.content)
        self.all_there()
