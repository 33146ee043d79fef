"""The second store, which answers lists: filled by a syncer, opened once it is there, left alone while it fails."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from files_service.runtime.breaker import Breaker
from files_service.runtime.executor import Executor
from files_service.services.listing.sync_progress import SyncProgress
from storage_adapters import (
    ListQuery,
    MetadataStore,
    OrderUnavailable,
    RecordDeleted,
    RecordNotFound,
    StorageUnavailable,
    SupportsChanges,
    open_metadata_store,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")
Question = Callable[[MetadataStore], T]

# Enough for every thread that calls; one that finds them all busy is answered by the primary.
THREADS = 32


class NotUsable(Exception):
    """The list store cannot answer this; ``reason`` is one word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ListStore:
    """Answers questions when it surely can, and in time. Never makes a caller wait for it more than once in a row.

    1. It answers only when the syncer has a checkpoint in the primary: before the end of its first backfill there is
       none.
    2. A token of a write is included when the file, or its tombstone, has that revision here or a later one; a token
       of a list when the syncer's checkpoint has passed it.
    3. What fails or takes longer than the limit is left alone for a time. Then one question is asked again, by a
       thread that nobody waits for.
    """

    def __init__(
        self,
        url: str,
        primary: SupportsChanges,
        *,
        timeout_seconds: float,
        open_store: Callable[[str], MetadataStore] = open_metadata_store,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = url.partition(":")[0]
        self._callers = Executor("lists", THREADS)
        self.progress = SyncProgress(primary, url, self._callers, Breaker(clock))
        self._open_store = partial(open_store, url)
        self._primary = primary
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self.breaker = Breaker(clock)
        self._opening = threading.Lock()
        self._store: MetadataStore | None = None
        self._is_closed = False

    @property
    def is_resting(self) -> bool:
        """Whether it failed and is left alone."""
        return not self.breaker.is_closed

    def connect(self) -> None:
        """Open the store, or leave that for later when it does not answer. Raises UnknownStore for a wrong URL."""
        try:
            self._callers.begin(self._opened).result(self._timeout_seconds)
        except (StorageUnavailable, TimeoutError) as error:
            self._fail(error)

    def ask(self, question: Question[T], min_change: str | None = None) -> tuple[T, str]:
        """Return the answer, and a token of what it includes at least. Raises NotUsable."""
        if self.is_resting:
            if self.breaker.begin_try():
                self._callers.begin(partial(self._try, question))
            raise NotUsable("resting")
        # Read before the page is: the page includes at least what came before this place.
        checkpoint = self._checkpoint()
        if min_change is not None and min_change.startswith("@"):
            if not self._primary.has_passed(min_change[1:], checkpoint):
                raise NotUsable("behind")
            min_change = None
        try:
            answer = self._callers.begin(partial(self._answer, question, min_change)).result(self._timeout_seconds)
        except NotUsable:
            raise
        except OrderUnavailable as error:
            # Of this order alone: every other one is answered.
            raise NotUsable("unsorted") from error
        except TimeoutError as error:
            self._fail(error)
            raise NotUsable("slow") from error
        except Exception as error:
            self._fail(error)
            raise NotUsable("unavailable") from error
        return answer, f"@{checkpoint}"

    def check(self) -> None:
        """Return when it can answer, and is not left alone any more. Raises StorageUnavailable."""
        if not self.is_resting:
            _first_page(self._opened())
        elif not (self.breaker.begin_try() and self._try(_first_page)):
            raise StorageUnavailable("the list store is left alone for a while after a failure")

    def close(self) -> None:
        """Close the store; an answer under way is not waited for."""
        self._is_closed = True
        self._callers.close()
        if self._store is not None:
            self._store.close()

    def _checkpoint(self) -> str:
        try:
            checkpoint = self.progress.read()
        except StorageUnavailable as error:
            raise NotUsable("unsynced") from error
        if not checkpoint:
            raise NotUsable("unsynced")
        return checkpoint

    def _opened(self) -> MetadataStore:
        with self._opening:
            if self._store is None:
                store = self._open_store()
                if self._is_closed:
                    store.close()
                self._store = store
            return self._store

    def _answer(self, question: Question[T], min_change: str | None) -> T:
        store = self._store
        if store is None:
            # Opening is left to a try: else all who ask would stand in line before a server that hangs.
            raise StorageUnavailable("the list store is not open")
        if min_change is not None and not _includes(store, min_change):
            raise NotUsable("behind")
        return question(store)

    def _try(self, question: Question[object]) -> bool:
        succeeded = False
        started = self._clock()
        try:
            question(self._opened())
            succeeded = self._clock() - started <= self._timeout_seconds
            if succeeded:
                logger.info("the list store answers again", extra={"store": self.name})
        except Exception as error:  # noqa: BLE001 - whatever it is, the store cannot be used yet
            logger.info("the list store still fails", extra={"store": self.name, "error": str(error)})
        finally:
            self.breaker.end_try(succeeded=succeeded)
        return succeeded

    def _fail(self, error: Exception) -> None:
        if not self.is_resting:
            text = str(error) or f"no answer within {self._timeout_seconds:g} s"
            is_ours = not isinstance(error, (StorageUnavailable, TimeoutError))
            fields = {"store": self.name, "error": text}
            logger.warning(
                "the list store fails; the primary answers", extra=fields, exc_info=error if is_ours else None
            )
        self.breaker.fail()


def _first_page(store: MetadataStore) -> object:
    return store.find(ListQuery(limit=1))


def _includes(store: MetadataStore, token: str) -> bool:
    """Whether the store has a file at least as the write that the token names left it."""
    file_id, _, revision = token.partition(":")
    try:
        stored = store.get(file_id).revision
    except RecordDeleted as error:
        stored = error.tombstone.revision
    except RecordNotFound:
        stored = 0
    return stored >= int(revision)
