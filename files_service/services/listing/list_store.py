"""The list store: a second store that a syncer fills, behind a circuit breaker."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from files_service.runtime.breaker import Breaker
from files_service.runtime.executor import Executor
from files_service.services.listing.sync_progress import Progress, Proof, SyncProgress, fault_of
from storage_adapters import (
    CopySource,
    ListQuery,
    MetadataStore,
    NoAnswerInTime,
    OrderUnavailable,
    RecordDeleted,
    RecordNotFound,
    StorageUnavailable,
    SupportsDesigns,
    open_metadata_store,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")
Question = Callable[[MetadataStore], T]

# Enough for every calling thread; when all are busy, the primary answers.
THREADS = 32
# One that waits for a ping, and the ping itself, beside callers that may all be waiting.
WATCHERS = 2
_DEFAULT_ORDER = ListQuery().order_by


class NotUsable(Exception):
    """The list store cannot answer this; ``reason`` is one word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotACopy(StorageUnavailable):
    """The list store answers, but is not the copy of this primary that it should be; the message has no secrets."""


class ListStore:
    """Access to the list store with a timeout and a circuit breaker.

    1. The store answers only while the syncer has a checkpoint in the primary; there is none before the end of the
       first backfill.
    2. An answer includes the token of a write when the store has the file, or its tombstone, at that revision or a
       later one; it includes the token of a list when the syncer's checkpoint has passed it.
    3. An answer counts only when the list store has the mark of this primary and of its checkpoint: else it was
       emptied, exchanged, or restored from a backup. See ``Proof``.
    4. An error opens the circuit. After a delay, a background thread tries one question.
    5. A question that takes too long opens the circuit of its index alone (an order of lists, or the counters), as
       long as the store answers a ping: an index that is still being built takes no other off the store.
    """

    def __init__(
        self,
        url: str,
        primary: CopySource,
        *,
        timeout_seconds: float,
        open_store: Callable[[str], MetadataStore] = open_metadata_store,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = url.partition(":")[0]
        self._callers = Executor("lists", THREADS)
        self.progress = SyncProgress(primary, url, self._callers, Breaker(clock))
        self._open_store = partial(open_store, url)
        self._url = url
        self._primary = primary
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self.breaker = Breaker(clock)
        self.index_breakers: dict[str, Breaker] = {}
        self._proof = Proof(primary, clock)
        self._watchers = Executor("list store", WATCHERS)
        self._opening = threading.Lock()
        self._store: MetadataStore | None = None
        self._is_closed = False

    @property
    def circuit_is_open(self) -> bool:
        """State of the circuit: True after a failure, until a try succeeds."""
        return not self.breaker.is_closed

    def connect(self) -> None:
        """Open the store; when it does not answer, open it later. Raises UnknownStore for a wrong URL."""
        try:
            self._callers.begin(self._opened).result(self._timeout_seconds)
        except (StorageUnavailable, TimeoutError) as error:
            self._fail(error)

    def ask(self, question: Question[T], *, index: str, min_change: str | None = None) -> tuple[T, str]:
        """Return the answer and a token of the changes that it includes. Raises NotUsable.

        ``index`` names what the question reads: the field of an order, or "usage".
        """
        if self._is_skipped(question, index):
            raise NotUsable("resting")
        # Read before the page, so that the page includes all changes up to this checkpoint.
        progress = self._progress()
        must_include = min_change is not None
        if min_change is not None and min_change.startswith("@"):
            if not self._primary.has_passed(min_change[1:], progress.checkpoint):
                raise NotUsable("behind")
            min_change = None
        try:
            asked = self._callers.begin(
                partial(self._answer, question, min_change, progress, must_include=must_include)
            )
            answer = asked.result(self._timeout_seconds)
        except NotUsable:
            raise
        except OrderUnavailable as error:
            # The store still answers lists in other orders.
            raise NotUsable("unsorted") from error
        except (NoAnswerInTime, TimeoutError) as error:
            self._note_slow(index)
            raise NotUsable("slow") from error
        except Exception as error:
            self._fail(error)
            raise NotUsable("unavailable") from error
        return answer, f"@{progress.checkpoint}"

    def check(self) -> None:
        """Check that the store answers and may, and close an open circuit. Raises NotACopy, StorageUnavailable."""
        if not self.circuit_is_open:
            read_first_page(self._opened())
            if fault := fault_of(self._primary, self._opened(), self._url):
                raise NotACopy(fault)
        elif not (self.breaker.begin_try() and self._try(_first_page, _DEFAULT_ORDER)):
            raise StorageUnavailable("the circuit of the list store is open after a failure")

    def close(self) -> None:
        """Close the store without waiting for running questions."""
        self._is_closed = True
        self._callers.close()
        self._watchers.close()
        if self._store is not None:
            self._store.close()

    def _progress(self) -> Progress:
        try:
            progress = self.progress.read()
        except StorageUnavailable as error:
            raise NotUsable("unsynced") from error
        if not progress.checkpoint:
            raise NotUsable("unsynced")
        return progress

    def _opened(self) -> MetadataStore:
        with self._opening:
            if self._store is None:
                store = self._open_store()
                if self._is_closed:
                    store.close()
                self._store = store
            return self._store

    def _answer(self, question: Question[T], min_change: str | None, progress: Progress, *, must_include: bool) -> T:
        store = self._store
        if store is None:
            # Only a try opens the store; otherwise all callers would wait for a server that hangs.
            raise StorageUnavailable("the list store is not open")
        if min_change is not None and not _includes(store, min_change):
            raise NotUsable("behind")
        answer = question(store)
        # Looked at behind the answer: the store may be exchanged at any moment.
        if not self._proof.holds(store, progress, anew=must_include):
            raise NotUsable("unmarked")
        return answer

    def _is_skipped(self, question: Question[object], index: str) -> bool:
        """Return True when a circuit is open; when it is time, have the question tried."""
        if self.circuit_is_open:
            if self.breaker.begin_try():
                self._callers.begin(partial(self._try, question, index))
            return True
        breaker = self._index_breaker(index)
        if breaker.begin_try():
            self._callers.begin(partial(self._try_index, question, index))
        return not breaker.is_closed

    def _index_breaker(self, index: str) -> Breaker:
        return self.index_breakers.setdefault(index, Breaker(self._clock))

    def _try(self, question: Question[object], index: str) -> bool:
        is_alive = False
        try:
            answered = self._answers_in_time(question)
            is_alive = answered or self._answers_in_time(_ping)
            if is_alive:
                logger.info("the list store answers again", extra={"store": self.name})
            if not answered:
                self._index_breaker(index).fail()
        except Exception as error:  # noqa: BLE001 - after any error the circuit stays open
            logger.info("the list store still fails", extra={"store": self.name, "error": str(error)})
        finally:
            self.breaker.end_try(succeeded=is_alive)
        return is_alive

    def _try_index(self, question: Question[object], index: str) -> None:
        answered = False
        try:
            answered = self._answers_in_time(question)
            if answered:
                logger.info("the list store answers in time again", extra={"store": self.name, "index": index})
        except Exception as error:  # noqa: BLE001 - as for any other question
            self._fail(error)
        finally:
            self._index_breaker(index).end_try(succeeded=answered)

    def _answers_in_time(self, question: Question[object]) -> bool:
        started = self._clock()
        try:
            question(self._opened())
        except NoAnswerInTime:
            return False
        return self._clock() - started <= self._timeout_seconds

    def _note_slow(self, index: str) -> None:
        """Open the circuit of an index, and look whether the store answers at all."""
        if self._index_breaker(index).fail():
            facts = {"store": self.name, "index": index}
            logger.warning("the list store does not answer in time; the primary answers", extra=facts)
            self._watchers.begin(self._watch)

    def _watch(self) -> None:
        try:
            self._watchers.begin(self._opened().ping).result(self._timeout_seconds)
        except (StorageUnavailable, TimeoutError) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self.circuit_is_open:
            text = str(error) or f"no answer within {self._timeout_seconds:g} s"
            is_ours = not isinstance(error, (StorageUnavailable, TimeoutError))
            fields = {"store": self.name, "error": text}
            logger.warning(
                "the list store fails; the primary answers", extra=fields, exc_info=error if is_ours else None
            )
        self.breaker.fail()


def read_first_page(store: MetadataStore) -> None:
    """Read a page in the default order. Raises StorageUnavailable, which tells of indexes that are being built."""
    try:
        _first_page(store)
    except NoAnswerInTime as error:
        raise StorageUnavailable(f"{error}; {being_built(store) or 'its indexes may be being built'}") from error


def being_built(store: MetadataStore) -> str:
    """Return the indexes that are being built and their progress as text, "" without any."""
    progress = store.build_progress() if isinstance(store, SupportsDesigns) else {}
    parts = [f"{name} {part:.0%}" for name, part in progress.items()]
    return f"indexes are being built: {', '.join(parts)}" if parts else ""


def _first_page(store: MetadataStore) -> object:
    return store.find(ListQuery(limit=1, order_by=_DEFAULT_ORDER))


def _ping(store: MetadataStore) -> object:
    return store.ping()


def _includes(store: MetadataStore, token: str) -> bool:
    """Return True when the store has the file at the revision of the token or a later one."""
    file_id, _, revision = token.partition(":")
    try:
        stored = store.get(file_id).revision
    except RecordDeleted as error:
        stored = error.tombstone.revision
    except RecordNotFound:
        stored = 0
    return stored >= int(revision)
