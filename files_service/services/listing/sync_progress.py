"""Progress of the syncer that fills the list store, as stored in the primary, and the mark in the list store."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from files_service.runtime.breaker import Breaker
from files_service.runtime.executor import Executor
from storage_adapters import (
    BEHIND,
    MARK,
    REFUSALS,
    UNMARKED,
    CopyMark,
    CopySource,
    CopyTarget,
    MetadataStore,
    StorageUnavailable,
    SupportsChanges,
    SupportsIdentity,
    consumers_of,
    copy_state,
    sync_name,
)

logger = logging.getLogger(__name__)

MOST_COUNTED = 1_000
# So long at most does a list store that was exchanged or emptied go on answering.
PROOF_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Lag of the list store: ``changes`` that it does not have yet, counted up to ``MOST_COUNTED``.

    ``oldest_at`` is the time of the oldest of them, 0 without any.
    """

    changes: int
    oldest_at: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Identity of the primary, and the syncer's checkpoint in it."""

    identity: str = ""
    checkpoint: str = ""


class SyncProgress:
    """Reader of the syncer's checkpoint.

    While the primary is unavailable, the last checkpoint is used: checkpoints only advance.
    """

    def __init__(self, primary: CopySource, url: str, callers: Executor, breaker: Breaker) -> None:
        self.consumer = consumer_of(url)
        self._primary = primary
        self._callers = callers
        self._breaker = breaker
        self._seen = Progress()

    def read(self) -> Progress:
        """Return identity and checkpoint, "" when there is none. Raises StorageUnavailable when none was ever read."""
        if self._breaker.is_closed:
            try:
                self._seen = self._look()
            except StorageUnavailable:
                self._breaker.fail()
                if not self._seen.checkpoint:
                    raise
        elif self._breaker.begin_try():
            self._callers.begin(self._try)
        return self._seen

    def _look(self) -> Progress:
        return Progress(self._primary.identity(), self._primary.checkpoint(self.consumer))

    def _try(self) -> None:
        succeeded = False
        try:
            self._seen = self._look()
            succeeded = True
        finally:
            self._breaker.end_try(succeeded=succeeded)


class Proof:
    """The mark of a list store, which says that it has what the checkpoint says.

    Reading it costs a list an eighth to a fifth of its time, so it is kept for ``PROOF_SECONDS``, unless an answer must
    include a change. It proves nothing for another primary or a later checkpoint: then it is read again.
    """

    def __init__(self, primary: CopySource, clock: Callable[[], float]) -> None:
        self._primary, self._clock = primary, clock
        self._mark: CopyMark | None = None
        self._kept_until = 0.0

    def holds(self, store: object, progress: Progress, *, anew: bool) -> bool:
        """Return True when the store has the mark; with ``anew``, it is read in any case."""
        if not anew and self._clock() < self._kept_until and self._says(self._mark, progress):
            return True
        read_at = self._clock()
        mark = CopyMark.from_text(store.read_note(MARK)) if isinstance(store, SupportsIdentity) else None
        is_marked = self._says(mark, progress)
        self._mark, self._kept_until = mark, read_at + PROOF_SECONDS if is_marked else 0.0
        return is_marked

    def _says(self, mark: CopyMark | None, progress: Progress) -> bool:
        is_ours = mark is not None and mark.source == progress.identity
        return mark is not None and is_ours and self._primary.has_passed(progress.checkpoint, mark.checkpoint)


def fault_of(primary: CopySource, store: MetadataStore, url: str) -> str:
    """Return a sentence about a list store that must not answer though it was filled, "" for any other."""
    copy = cast(CopyTarget, store)
    return {
        **REFUSALS,
        UNMARKED: "the list store is not known to be a copy of this metadata store",
        BEHIND: "the list store is empty, or older than what was copied to it",
    }.get(copy_state(primary, copy, *consumers_of(sync_name(url))), "")


def consumer_of(url: str) -> str:
    """Return the checkpoint name of the syncer that fills the store of this URL."""
    return consumers_of(sync_name(url))[0]


def lag_of(primary: SupportsChanges, url: str) -> Lag | None:
    """Return the lag of the store of this URL, None before the end of its first backfill."""
    checkpoint = primary.checkpoint(consumer_of(url))
    if not checkpoint:
        return None
    changes = primary.changes(after=checkpoint, limit=MOST_COUNTED)
    return Lag(changes=len(changes), oldest_at=changes[0].changed_at if changes else 0)
