"""Destructive work of a census: surplus copies and garbage. Everything goes to the trash of its node.

A surplus copy goes only after every assigned node has read its own copy again, a moment ago. Garbage goes only when it
was garbage in the previous complete census too, is old, and is not suspiciously much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from storage_adapters.blobs.nodes.protocol.effects import Call, Now, Step, Together, Wanted
from storage_adapters.blobs.nodes.protocol.errors import Overtaken, ProtocolError, StaleEpoch
from storage_adapters.blobs.nodes.protocol.join import Case, Copy
from storage_adapters.blobs.nodes.protocol.layout import Node
from storage_adapters.blobs.nodes.protocol.liveness import View
from storage_adapters.blobs.nodes.protocol.messages import IDS_AT_ONCE, Receipts, TrashChunks, TrashReason
from storage_adapters.blobs.nodes.protocol.reading import verify
from storage_adapters.blobs.nodes.protocol.snapshot import Snapshot

CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of what a census moves to the trash: seconds, and copies of one node that need no confirmation."""

    garbage_age: float = 24 * 3_600.0
    receipt_age: float = 60.0
    fuse_floor: int = 20
    fuse_keys: int = 1_000
    fuse_share: float = 0.01

    def allowed(self, keys: int) -> int:
        """Return the number of copies that a node with so many keys may lose without confirmation."""
        return min(keys, max(self.fuse_floor, min(self.fuse_keys, int(keys * self.fuse_share))))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Garbage to move now, and the number of copies of each node that wait for a confirmation."""

    copies: tuple[Copy, ...] = ()
    held_back: dict[str, int] = field(default_factory=dict)


def judge(
    unwanted: list[Copy], previous: frozenset[str], snapshot: Snapshot, limits: Limits, *, confirmed: bool
) -> Verdict:
    """Choose the garbage that may go. Metadata without a single name are believed only when an operator confirms."""
    if not snapshot.complete:
        return Verdict()
    ripe = [copy for copy in unwanted if is_ripe(copy, previous, limits)]
    counts = Counter(copy.node_id for copy in ripe)
    held_back = {
        node_id: count
        for node_id, count in counts.items()
        if not confirmed and count > limits.allowed(len(snapshot.listings[node_id].entries) if snapshot.wanted else 0)
    }
    return Verdict(tuple(copy for copy in ripe if copy.node_id not in held_back), held_back)


def is_ripe(copy: Copy, previous: frozenset[str], limits: Limits) -> bool:
    """Return True when a copy was unwanted in the previous complete census too, and is old enough."""
    return copy.name in previous and copy.age > limits.garbage_age


def trim(view: View, cases: list[Case], epoch: int, limits: Limits) -> Step[int]:
    """Move surplus copies to the trash; return their number. Raises Overtaken."""
    trimmed = 0
    for case in cases:
        asked_at = yield Now()
        if not (yield from has_receipts(case.wanted, view.targets(case.wanted.chunk_id))):
            continue
        for node_id in case.surplus:
            if (yield Now()) - asked_at <= limits.receipt_age:
                trimmed += yield from trash(node_id, [case.wanted.chunk_id], "surplus", epoch)
    return trimmed


def has_receipts(wanted: Wanted, targets: list[Node]) -> Step[bool]:
    """Have the assigned nodes read their copies now; return True when all of them match."""
    answers = yield Together(tuple(verify(node.node_id, wanted.chunk_id, CALL_SECONDS) for node in targets))
    hashes = [answer.good.get(wanted.chunk_id) for answer in answers if isinstance(answer, Receipts)]
    return is_enough(wanted, hashes, len(targets))


def is_enough(wanted: Wanted, hashes: list[str | None], needed: int) -> bool:
    """Return True when so many copies were read whole, and all have one hash, the wanted one if it is known."""
    found = set(hashes)
    return (
        len(hashes) == needed
        and len(found) == 1
        and None not in found
        and (not wanted.sha256 or found == {wanted.sha256})
    )


def discard(copies: Iterable[Copy], epoch: int) -> Step[int]:
    """Move garbage to the trash; return the number of copies. Raises Overtaken."""
    by_node: dict[str, list[str]] = {}
    for copy in copies:
        by_node.setdefault(copy.node_id, []).append(copy.chunk_id)
    moved = 0
    for node_id, chunk_ids in sorted(by_node.items()):
        moved += yield from trash(node_id, chunk_ids, "garbage", epoch)
    return moved


def trash(node_id: str, chunk_ids: list[str], reason: TrashReason, epoch: int) -> Step[int]:
    """Have one node move copies to its trash; return their number, less after an error. Raises Overtaken."""
    moved = 0
    for start in range(0, len(chunk_ids), IDS_AT_ONCE):
        request = TrashChunks(tuple(chunk_ids[start : start + IDS_AT_ONCE]), reason, epoch)
        try:
            reply = yield Call(node_id, request, CALL_SECONDS)
        except StaleEpoch as error:
            raise Overtaken(str(error)) from error
        except ProtocolError:
            continue
        moved += len(reply.chunk_ids)
    return moved
