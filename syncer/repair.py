"""Makes a file in one store what it is in the other, also when it differs in a way that copying never mends."""

from __future__ import annotations

from storage_adapters import MetadataStore
from syncer.pair import State, alike, replica, state_of

_MOST_ROUNDS = 100


def repair(file_id: str, *, leader: MetadataStore, follower: MetadataStore) -> bool:
    """Bring the follower's state of a file to the leader's; whether that is so in the end.

    A syncer may copy the file at the same time: a state that was read before its copy must not replace it for good,
    so the leader is read again until it stays.
    """
    for _ in range(_MOST_ROUNDS):
        state = state_of(leader, file_id)
        _bring(file_id, state, follower)
        if alike(state_of(leader, file_id), state):
            return alike(state_of(follower, file_id), state)
    return False


def _bring(file_id: str, state: State, follower: MetadataStore) -> None:
    copies = replica(follower)
    if state is None:
        copies.discard([file_id])
    elif not copies.replicate([state])[0] and not alike(state_of(follower, file_id), state):
        copies.replicate([state], force=True)
