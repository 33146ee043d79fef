"""Repair of a file: one store is brought to the other's state, also where copying would never do that."""

from __future__ import annotations

from collections.abc import Callable

from storage_adapters import MetadataStore
from syncer.pair import Pair, State, alike, replica, state_of
from syncer.parity import Difference

_MOST_ROUNDS = 100

Mend = Callable[[Difference], bool]


def repair(file_id: str, *, leader: MetadataStore, follower: MetadataStore) -> bool:
    """Bring the follower's state of a file to the leader's; return whether that is so in the end.

    A syncer may copy the file at the same time: a state that was read before its copy must not replace it for good,
    so the leader is read again until it stays.
    """
    for _ in range(_MOST_ROUNDS):
        state = state_of(leader, file_id)
        _bring(file_id, state, follower)
        if alike(state_of(leader, file_id), state):
            return alike(state_of(follower, file_id), state)
    return False


def mender(pair: Pair, *, to_source: bool) -> Mend:
    """Return a function that repairs differences in one of the two directions.

    From a target that was never filled the source loses nothing: what is missing there was never there.
    """
    if not to_source:
        return lambda difference: repair(difference.file_id, leader=pair.source, follower=pair.target)
    was_filled = bool(pair.source.checkpoint(pair.consumer))

    def mend(difference: Difference) -> bool:
        is_unknown = difference.target_revision == 0
        return (was_filled or not is_unknown) and repair(difference.file_id, leader=pair.target, follower=pair.source)

    return mend


def _bring(file_id: str, state: State, follower: MetadataStore) -> None:
    copies = replica(follower)
    if state is None:
        copies.discard([file_id])
    elif not copies.replicate([state])[0] and not alike(state_of(follower, file_id), state):
        copies.replicate([state], force=True)
