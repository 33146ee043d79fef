"""Clients of the store: uploads, reads, removals, further holders of a name, events of the fast path."""

from __future__ import annotations

from typing import Any

from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol import reading, removing, replication, writing
from storage_adapters.blobs.nodes.protocol.copies import number_of_zones, read_copy
from storage_adapters.blobs.nodes.protocol.effects import Sleep, Step, Wanted
from storage_adapters.blobs.nodes.protocol.errors import ChunkAbsent, ChunkLost, ProtocolError
from storage_adapters.blobs.nodes.protocol.layout import Layout
from storage_adapters.blobs.nodes.protocol.liveness import View
from tests.simulation.metadata import Metadata
from tests.simulation.truth import Truth


def upload(truth: Truth, layout: Layout, holder: str) -> Step[None]:
    """Reserve a name, store the bytes, then name them; withdraw everything after a failure."""
    key = truth.names.pop()
    data = f"{key} of {holder}".encode()
    truth.begin(key, data)
    try:
        yield Metadata("reserve", key, holder)
        yield from _store(truth, layout, key, holder)
    except ProtocolError:
        yield from withdraw(truth, layout, key, holder)
    finally:
        truth.end(key)


def _store(truth: Truth, layout: Layout, key: str, holder: str) -> Step[None]:
    yield from writing.put(layout, m.PutChunk(key, truth.hashes[key], truth.content[key]))
    truth.kernel.note(holder, "was told that", key, "is stored")
    truth.acknowledge(key, copies=layout.min_write)
    yield Metadata("store", key, holder)


def withdraw(truth: Truth, layout: Layout, key: str, holder: str) -> Step[None]:
    """Give up a name, then its copies; only a name that is certainly not wanted is removed."""
    try:
        yield Metadata("drop", key, holder)
    except ProtocolError:
        return
    truth.kernel.note(holder, "gives up", key)
    yield from _remove_unwanted(truth, layout, key)


def _remove_unwanted(truth: Truth, layout: Layout, key: str) -> Step[None]:
    """Remove the copies when the last holder has gone; a name without holders is never wanted again."""
    if key in truth.metadata.names:
        return
    try:
        yield from removing.remove(layout, (key,))
    except ProtocolError:
        return


def remove(truth: Truth, layout: Layout, key: str, holder: str) -> Step[None]:
    """Drop a holder of a name, and remove the copies when it was the last one."""
    try:
        yield Metadata("drop", key, holder)
    except ProtocolError:
        return
    yield from _remove_unwanted(truth, layout, key)


def share(truth: Truth, layout: Layout, key: str, holder: str) -> Step[None]:
    """Name stored bytes once more without sending them, if the nodes confirm that they have them."""
    truth.under_way[key] = truth.under_way.get(key, 0) + 1
    try:
        yield Metadata("share", key, holder)
        confirmed = yield from writing.confirmed_again(layout, key, truth.hashes[key])
        if confirmed >= layout.min_write and key in truth.metadata.names:
            truth.taken.pop(key, None)
            truth.kernel.note(holder, "was told that", key, "is stored already")
            truth.acknowledge(key, copies=0)
        else:
            yield Metadata("drop", key, holder)
    except ProtocolError:
        return
    finally:
        truth.end(key)


def read(truth: Truth, layout: Layout, key: str, hedge: float) -> Step[None]:
    """Read a chunk and check the bytes, or that the error is true."""
    before = truth.must_exist(key)
    expected = truth.hashes[key] if truth.kernel.random() < 0.5 else ""
    try:
        found: Any = yield from reading.read(layout, m.GetChunk(key), expected, reading.Timing(hedge=hedge))
    except (ChunkAbsent, ChunkLost) as error:
        if before and truth.must_exist(key):
            truth.fail(f"a reader was told that {key} is gone: {error!r}")
    except ProtocolError:
        return
    else:
        if found.data != truth.content[key]:
            truth.fail(f"a reader got wrong bytes of {key}")


def prove(truth: Truth, layout: Layout, key: str, pause: float) -> Step[None]:
    """Read every copy of a chunk, as for the verdict on a card, and check that there are so many good ones."""
    zones = {node.node_id: node.zone for node in layout.nodes}
    needed, flips = number_of_zones(layout), truth.destructions

    def count() -> int:
        return len({zones.get(node_id, node_id) for node_id in truth.good(key)})

    at_first = count()
    try:
        for place in range(needed):
            yield from read_copy(layout, m.GetChunk(key), place, truth.hashes[key], reading.Timing())
            yield Sleep(pause)
    except ProtocolError:
        return
    if max(at_first, count()) < needed and truth.destructions == flips and truth.must_exist(key):
        truth.fail(f"{key} was read in {needed} zones, and only {count()} have a good copy")


def replicate(truth: Truth, view: View, key: str) -> Step[bool]:
    """Process the event of an upload."""
    return (yield from replication.replicate(view, Wanted(key, truth.hashes[key])))
