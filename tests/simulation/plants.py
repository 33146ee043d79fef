"""Planted bugs: each replaces a function of the logic by one that forgets a rule.

Layered defences mask some bugs. Those are planted together with the loss of the layer that would make them harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from storage_adapters.blobs.nodes.protocol import (
    copies,
    ledger,
    node,
    reading,
    repair,
    snapshot,
    startup,
    trimming,
    writing,
)
from storage_adapters.blobs.nodes.protocol import disk as d
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.effects import Step
from storage_adapters.blobs.nodes.protocol.errors import ChunkAbsent
from storage_adapters.blobs.nodes.protocol.layout import readers
from storage_adapters.blobs.nodes.protocol.liveness import View
from tests.simulation import clients
from tests.simulation.node_disk import NodeDisk

Change = tuple[Any, str, Any]


def nothing(*_: Any) -> Step[None]:
    """Do nothing."""
    yield from ()


def answers(value: Any) -> Callable[..., Step[Any]]:
    """Return a step that asks nobody and has this result."""

    def step(*_: Any) -> Step[Any]:
        yield from ()
        return value

    return step


def publish_unverified(beside: d.Beside, chunk_id: str) -> Step[m.Stored]:
    """Confirm whatever is there."""
    if (yield d.ReadChunk(chunk_id)) is not None:
        yield d.Discard(beside.name)
        return m.Stored(beside.sha256, beside.size, created=False)
    return (yield from PUBLISH(beside, chunk_id))


def withdraw_and_use_again(truth: Any, layout: Any, key: str, holder: str) -> Step[None]:
    """Use a name again that was given up."""
    yield from WITHDRAW(truth, layout, key, holder)
    if key not in truth.metadata.names:
        truth.names.append(key)


def collect_only_stored() -> Step[Any]:
    """Forget the names of unfinished uploads."""
    wanted = yield from COLLECT()
    return {key: each for key, each in wanted.items() if each.stored}


def take_metadata_first(view: View, epoch: int) -> Step[snapshot.Snapshot]:
    """Read the metadata before the inventories."""
    wanted = yield from snapshot.collect_wanted()
    listings = yield from snapshot.list_nodes(view, epoch)
    return snapshot.Snapshot(listings, wanted)


def list_incomplete(node_id: str, epoch: int, texts: dict[str, str]) -> Step[snapshot.Listing]:
    """Take an inventory for complete before it is."""
    listing = yield from LIST_NODE(node_id, epoch, texts)
    return snapshot.Listing(complete=True, entries=listing.entries)


def admit_any(epoch: int | None) -> Step[None]:
    """Keep the highest epoch, and obey any."""
    record = yield d.ReadState()
    if epoch is not None and record is not None and epoch > record.epoch:
        yield from ADMIT(epoch)


def begin_same() -> Step[ledger.Begun]:
    """Give every census the same epoch."""
    begun = yield from BEGIN()
    return ledger.Begun(1, begun.previous)


def verify_in_place(chunk_ids: tuple[str, ...]) -> Step[m.Receipts]:
    """Leave damaged copies where they are."""
    found = yield d.LookUp(chunk_ids)
    return m.Receipts({chunk_id: entry.sha256 for chunk_id, entry in found.items()})


def stop_clean() -> Step[None]:
    """Mark a stop as clean while the inventory is not complete."""
    record = yield d.ReadState()
    if record is not None:
        yield d.WriteState(replace(record, clean=True))


def read_once(layout: Any, request: Any, sha256: str = "", timing: Any = None) -> Step[Any]:
    """Ask each node once before a chunk is called absent."""
    return (yield from reading.search(layout, request, sha256, timing))


def read_one_copy(layout: Any, request: Any, place: int, sha256: str, timing: Any) -> Step[Any]:
    """Prove the copy of one zone alone: when a node was silent meanwhile, two readings may meet one copy."""
    location = yield from reading.locate(layout, (request.chunk_id,))
    zones = copies._by_zone(readers(layout, request.chunk_id), location.entries[request.chunk_id])
    if len(zones) <= place:
        raise ChunkAbsent("too few zones have a copy")
    return (yield from reading.search(replace(layout, nodes=tuple(zones[place])), request, sha256, timing))


PUBLISH, WITHDRAW, COLLECT = node.publish, clients.withdraw, snapshot.collect_wanted
LIST_NODE, ADMIT, BEGIN = snapshot._list_node, node.admit, ledger.begin
TRUST_LOST: Change = (repair, "confirm_lost", lambda view, chunks, epoch: answers((chunks, []))())
NO_BELTS: Change = (trimming, "is_ripe", lambda copy, previous, limits: True)

PLANTS: dict[str, tuple[Change, ...]] = {
    "ack before fsync": ((node, "sync", nothing),),
    "one copy called two": ((writing.Write, "copies", property(lambda write: 2 * len(write.confirmed))),),
    "exists unverified": ((node, "publish", publish_unverified),),
    "token used again, removals forgotten": (
        (clients, "withdraw", withdraw_and_use_again),
        (NodeDisk, "note_removal", lambda disk, effect: None),
    ),
    "trim without fresh receipts": ((trimming, "has_receipts", answers(True)),),
    "corrupt copy counted": ((trimming, "is_enough", lambda wanted, hashes, needed: len(hashes) == needed),),
    "corrupt copy counted, no quarantine": ((node, "verify", verify_in_place),),
    "name not counted": ((snapshot, "collect_wanted", collect_only_stored),),
    "name not counted, no grace": ((snapshot, "collect_wanted", collect_only_stored), NO_BELTS),
    "metadata first, no grace": ((snapshot, "take", take_metadata_first), NO_BELTS),
    "silence taken for absence": ((reading.Search, "verdict", lambda search: ChunkAbsent("nobody has it")),),
    "returning node as source": ((View, "may_give", lambda view, node_id: node_id not in view.silent),),
    "stale epoch accepted": ((node, "admit", admit_any),),
    "one epoch, trim without fresh receipts": (
        (ledger, "begin", begin_same),
        (trimming, "has_receipts", answers(True)),
    ),
    "copy proved alone": ((copies, "_read", read_one_copy),),
    "stored trusted after loss": ((writing, "confirmed_again", answers(99)),),
    "clean stop with an incomplete inventory": ((startup, "_stop", stop_clean),),
    "incomplete inventory used, lost not confirmed": ((snapshot, "_list_node", list_incomplete), TRUST_LOST),
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Run the logic with a planted bug."""
    with ExitStack() as stack:
        for target, attribute, replacement in PLANTS[name]:
            stack.enter_context(patch.object(target, attribute, replacement))
        yield
