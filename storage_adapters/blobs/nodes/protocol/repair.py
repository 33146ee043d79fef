"""Repairs of a census: missing copies, and chunks of which no copy was found."""

from __future__ import annotations

from storage_adapters.blobs.nodes.protocol.effects import Call, IsWanted, Step, Together, Wanted
from storage_adapters.blobs.nodes.protocol.join import Case
from storage_adapters.blobs.nodes.protocol.liveness import View
from storage_adapters.blobs.nodes.protocol.messages import RestoreChunks
from storage_adapters.blobs.nodes.protocol.reading import Location, locate
from storage_adapters.blobs.nodes.protocol.replication import copy, holders

PULLS_AT_ONCE = 8
CALL_SECONDS = 30.0


def repair(view: View, cases: list[Case]) -> Step[list[int]]:
    """Make the missing copies, a few at a time, in the given order; return how many were made for each case."""
    made: list[int] = []
    for start in range(0, len(cases), PULLS_AT_ONCE):
        steps = tuple(_complete(view, case) for case in cases[start : start + PULLS_AT_ONCE])
        counts = yield Together(steps)
        made += [count if isinstance(count, int) else 0 for count in counts]
    return made


def _complete(view: View, case: Case) -> Step[int]:
    made = 0
    for target in case.missing:
        if (yield from copy(view, case.wanted, target, case.sources)):
            made += 1
    return made


def confirm_lost(view: View, chunks: list[Wanted], epoch: int) -> Step[tuple[list[Wanted], list[Wanted]]]:
    """Look again for chunks without a copy; return those that are lost, and those of which that is not certain.

    A chunk may have been stored after the snapshot, or removed; and a copy in the trash is brought back.
    """
    lost, uncertain = [], []
    for wanted in chunks:
        location = yield from locate(view.layout, (wanted.chunk_id,))
        if has_copy(location, wanted) or (yield from _restored(view, wanted, epoch)):
            continue
        if location.unknown:
            uncertain.append(wanted)
        elif (yield IsWanted(wanted.chunk_id)):
            lost.append(wanted)
    return lost, uncertain


def has_copy(location: Location, wanted: Wanted) -> bool:
    """Return True when some node has a copy with the wanted hash."""
    return bool(holders(location.entries[wanted.chunk_id], wanted))


def _restored(view: View, wanted: Wanted, epoch: int) -> Step[bool]:
    steps = tuple(_restore(node.node_id, wanted.chunk_id, epoch) for node in view.asked)
    answers = yield Together(steps)
    return any(answer is True for answer in answers)


def _restore(node_id: str, chunk_id: str, epoch: int) -> Step[bool]:
    moved = yield Call(node_id, RestoreChunks((chunk_id,), epoch), CALL_SECONDS)
    return chunk_id in moved.chunk_ids
