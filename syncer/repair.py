"""Repair of a file or document: one store receives the other's state, also where copying would never do that."""

from __future__ import annotations

from collections.abc import Callable

from storage_adapters import (
    FOLLOWING,
    SMALLER,
    Document,
    DocumentKey,
    FileRecord,
    MetadataStore,
    SupportsDocuments,
    Tombstone,
    copy_state,
)
from syncer.pair import Key, Pair, State, alike, replica, state_of
from syncer.parity import Difference

_MOST_ROUNDS = 100

Mend = Callable[[Difference], bool]


def repair(key: Key, *, leader: MetadataStore, follower: MetadataStore) -> bool:
    """Give the follower the leader's state of a file or document; return True when both are the same in the end.

    A syncer may copy it at the same time: a state that was read before its copy must not replace it for good,
    so the leader is read again until it stays.
    """
    for _ in range(_MOST_ROUNDS):
        state = state_of(leader, key)
        _bring(key, state, follower)
        if alike(state_of(leader, key), state):
            return alike(state_of(follower, key), state)
    return False


def mender(pair: Pair, *, to_source: bool) -> Mend:
    """Return a function that repairs differences in one of the two directions.

    From a target that was never filled, or is not the copy that it was, the source loses nothing: what is missing there
    was never there, or went with the copy.
    """
    if not to_source:
        return lambda difference: repair(difference.key, leader=pair.source, follower=pair.target)
    is_whole = copy_state(pair.source, pair.target, pair.consumer, pair.backfill_consumer) in (FOLLOWING, SMALLER)

    def mend(difference: Difference) -> bool:
        is_unknown = difference.target_revision == 0
        return (is_whole or not is_unknown) and repair(difference.key, leader=pair.target, follower=pair.source)

    return mend


def _bring(key: Key, state: State, follower: MetadataStore) -> None:
    assert isinstance(follower, SupportsDocuments)
    if state is None and isinstance(key, DocumentKey):
        follower.discard_documents([key])
    elif state is None:
        replica(follower).discard([str(key)])
    elif not _copy(state, follower, force=False) and not alike(state_of(follower, key), state):
        _copy(state, follower, force=True)


def _copy(state: FileRecord | Tombstone | Document, follower: MetadataStore, *, force: bool) -> bool:
    if isinstance(state, Document):
        assert isinstance(follower, SupportsDocuments)
        return follower.replicate_documents([state], force=force)[0]
    return replica(follower).replicate([state], force=force)[0]
