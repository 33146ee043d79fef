"""Start and stop of a node: identity, number of starts, inventory."""

from __future__ import annotations

from dataclasses import replace

from storage_adapters.blobs.nodes.protocol import disk
from storage_adapters.blobs.nodes.protocol.effects import Step, Token
from storage_adapters.blobs.nodes.protocol.errors import StartRefused
from storage_adapters.blobs.nodes.protocol.messages import Inventory


def start(cluster: str, node_id: str, *, init: bool = False) -> Step[disk.NodeRecord]:
    """Check the folder and count the start. An empty folder needs ``init``: an unmounted disk looks empty too.

    The inventory is complete only when the record that was found is ``clean``; else ``rebuild`` has to run.
    """
    record: disk.NodeRecord = yield disk.Exclusive(_start(cluster, node_id, init=init))
    return record


def _start(cluster: str, node_id: str, *, init: bool) -> Step[disk.NodeRecord]:
    found: disk.NodeRecord | None = yield disk.ReadState()
    if found is None and not init:
        raise StartRefused("the folder is empty: is the disk mounted? A new node needs --init")
    record = found or disk.NodeRecord(cluster, node_id)
    if (record.cluster, record.node_id) != (cluster, node_id):
        raise StartRefused(f"the folder belongs to node {record.node_id} of cluster {record.cluster}")
    boot_id = yield Token()
    yield disk.WriteState(replace(record, boots=record.boots + 1, boot_id=boot_id, clean=False))
    return replace(record, boots=record.boots + 1, boot_id=boot_id)


def rebuild(record: disk.NodeRecord) -> Step[None]:
    """Make the inventory complete after a start: read it from the disk after an unclean stop."""
    if not record.clean or record.boots == 1:
        yield disk.WalkDisk()


def stop() -> Step[None]:
    """Mark the stop as clean, after the last request and the saving of the inventory, if that is complete."""
    yield disk.Exclusive(_stop())


def _stop() -> Step[None]:
    record: disk.NodeRecord | None = yield disk.ReadState()
    found: Inventory = yield disk.ListPartitions()
    if record is not None and found.complete:
        yield disk.WriteState(replace(record, clean=True))
