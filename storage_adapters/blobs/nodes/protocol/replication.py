"""Replication from node to node: one copy, and the fast path after an upload.

The fast path may lose every event: the census finds what it missed.
"""

from __future__ import annotations

from collections.abc import Iterable

from storage_adapters.blobs.nodes.protocol.effects import Call, Sleep, Step, Wanted
from storage_adapters.blobs.nodes.protocol.errors import HashDiffers, NodeFull, ProtocolError
from storage_adapters.blobs.nodes.protocol.layout import Node, ranked
from storage_adapters.blobs.nodes.protocol.liveness import View
from storage_adapters.blobs.nodes.protocol.messages import Entry, Pull, Verify
from storage_adapters.blobs.nodes.protocol.reading import locate

CALL_SECONDS = 30.0
PAUSES = (0.5, 2.0, 8.0)


def retry_after(failures: int) -> float:
    """Return the seconds until the next run of ``replicate`` after so many that returned False."""
    return float(60 * 2 ** min(failures, 6))


def replicate(view: View, wanted: Wanted) -> Step[bool]:
    """Give a chunk its copies: on each assigned node, and on the next in rank while there are too few.

    Return True when every assigned node has a copy. A node that is silent is not waited for.
    """
    location = yield from locate(view.layout, (wanted.chunk_id,))
    held = holders(location.entries[wanted.chunk_id], wanted)
    targets = view.targets(wanted.chunk_id)
    others = [
        node for node in ranked(view.layout, wanted.chunk_id) if node not in targets and node.node_id not in view.out
    ]
    have = {node_id for node_id in held if view.may_give(node_id)}
    for node in (*targets, *others):
        if node.node_id in held or node.node_id in view.silent:
            continue
        if node not in targets and len(have) >= view.layout.copies:
            continue
        if (yield from _insist(view, wanted, node, sorted(have))):
            have.add(node.node_id)
    return all(node.node_id in have for node in targets)


def holders(entries: dict[str, Entry], wanted: Wanted) -> dict[str, Entry]:
    """Return the copies that have the wanted hash."""
    return {node_id: entry for node_id, entry in entries.items() if wanted.sha256 in ("", entry.sha256)}


def _insist(view: View, wanted: Wanted, target: Node, sources: list[str]) -> Step[bool]:
    for pause in (*PAUSES, 0.0):
        if (yield from copy(view, wanted, target, sources)):
            return True
        if pause:
            yield Sleep(pause)
    return False


def copy(view: View, wanted: Wanted, target: Node, sources: Iterable[str]) -> Step[bool]:
    """Have a node pull a chunk from one of the sources; return True when it has verified its copy.

    A source whose bytes turn out to be wrong reads them again, and puts them into quarantine.
    """
    for source in sources:
        if source == target.node_id or not view.may_give(source):
            continue
        pull = Pull(wanted.chunk_id, wanted.sha256, source, view.layout.node(source).url)
        try:
            yield Call(target.node_id, pull, CALL_SECONDS)
        except HashDiffers:
            yield from _suspect(source, wanted.chunk_id)
        except NodeFull:
            return False
        except ProtocolError:
            continue
        else:
            return True
    return False


def _suspect(source: str, chunk_id: str) -> Step[None]:
    try:
        yield Call(source, Verify((chunk_id,)), CALL_SECONDS)
    except ProtocolError:
        return
