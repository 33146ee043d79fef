"""Processing: finds waiting files and processes them in a few threads.

Waiting files are read from the store's indexes on every step, so nothing depends on a message: uploaded files, files
whose worker died, and failed files that are retried. This process only remembers the back-off of files; losing it
causes an early attempt.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from files_service.core import Core
from files_service.domain.lifecycle import IllegalTransition, is_lapsed, is_retried
from files_service.errors import Busy, TooManyAttempts
from files_service.runtime.backoff import Backoff
from files_service.runtime.fair_queue import FairQueue
from files_service.services.outages import require_stores
from files_service.services.processing import bound_lease, is_overlong, run_processing
from files_service.worker.retries import Retries
from storage_adapters import FileRecord, FileStatus, ListQuery, Position, RecordNotFound, StorageUnavailable

logger = logging.getLogger(__name__)

PAGE = 50
MAX_PAGES = 5
IDLE_SECONDS = 0.25
FAILED_EVERY_MS = 1_000
LONGEST_PAUSE_MS = 5_000
MOST_OWNERS_AT_ONCE = 16


_Found = tuple[str, FileRecord | None]
_Owned = tuple[str, _Found]


class _NotWaiting(Exception):
    """The file is not to be processed any more."""


def _owned(record: FileRecord) -> _Owned:
    return record.owner, (record.file_id, record)


class Walk:
    """Endless iteration over the files of one status in pages, oldest upload first."""

    def __init__(self, core: Core, status: FileStatus) -> None:
        self._core = core
        self._query = ListQuery(section=None, status=status, order_by="uploaded_at", descending=False, limit=PAGE)
        self._place: Position | None = None

    @property
    def at_start(self) -> bool:
        """True when the next page is the first."""
        return self._place is None

    def page(self) -> tuple[FileRecord, ...]:
        """Return the next page."""
        page = self._core.metadata.find(replace(self._query, after=self._place))
        self._place = page.next_position
        return page.records

    def begin_again(self) -> None:
        """Restart at the first page."""
        self._place = None


class Processor:
    """A bounded queue that ``step`` fills and ``work`` empties. ``totals`` counts outcomes for the metrics.

    An owner has at most ``threads`` files in work, so one more thread leaves a place to the others.
    """

    def __init__(
        self,
        core: Core,
        *,
        threads: int = 2,
        stopped: Callable[[], bool] = lambda: False,
        on_work: Callable[[], None] = lambda: None,
    ) -> None:
        self.totals: Counter[str] = Counter()
        self._core, self._stopped, self._on_work = core, stopped, on_work
        self._share = 2 * threads
        self._capacity = MOST_OWNERS_AT_ONCE * self._share
        self._queue: FairQueue[_Found] = FairQueue(threads)
        self._taken: set[str] = set()
        # Delays after a failure of the file, and after a failure of a store or of the service.
        self._retries = Retries()
        self._backoff = Backoff(first_ms=1_000, factor=2, longest_ms=60_000)
        self._oldest = Walk(core, FileStatus.UPLOADED)
        self._uploaded = Walk(core, FileStatus.UPLOADED)
        self._processing = Walk(core, FileStatus.PROCESSING)
        self._failed = Walk(core, FileStatus.FAILED)
        self._look_at_failed_at = 0
        self._outages = 0
        self._paused_until = 0
        self._counting = Lock()

    @property
    def in_flight(self) -> int:
        """Number of files that are queued or being processed in this worker."""
        return len(self._taken)

    def step(self) -> float:
        """Fill the queue; return the seconds to wait until the next step."""
        now = self._core.timer()
        if now < self._paused_until:
            return (self._paused_until - now) / 1000
        for find in (self._lapsed, self._due_retries, self._oldest_uploaded):
            if len(self._taken) >= self._capacity:
                break
            for owner, found in find(now):
                self._queue_up(owner, found)
        return IDLE_SECONDS

    def work(self) -> bool:
        """Process one queued file; return False when there is none that may be processed now."""
        taken = self._queue.take()
        if taken is None:
            return False
        owner, (file_id, record) = taken
        try:
            if not self._stopped():
                self._process(file_id, record)
        finally:
            self._queue.done(owner)
            self._taken.discard(file_id)
        return True

    def _queue_up(self, owner: str, found: _Found) -> None:
        file_id = found[0]
        has_room = len(self._taken) < self._capacity and self._has_room(owner)
        if file_id not in self._taken and has_room:
            self._retries.forget(file_id)
            self._taken.add(file_id)
            self._queue.put(owner, found)
            self._on_work()

    def _lapsed(self, now: int) -> list[_Owned]:
        """Return files of dead workers; shorten leases that a clock ahead wrote."""
        found: list[_Owned] = []
        for record in self._processing.page():
            if is_lapsed(record, now=self._core.clock()):
                found += [_owned(record)] if self._free(record, now) else []
            elif is_overlong(record, self._core):
                bound_lease(self._core, record)
        return found

    def _due_retries(self, now: int) -> list[_Owned]:
        """Failed files whose time has come. One that is seen for the first time waits as if it had failed just now."""
        if now >= self._look_at_failed_at:
            self._look_at_failed_at = now + FAILED_EVERY_MS
            for record in self._failed.page():
                self._plan_retry(record, now)
        # A record is read when it is taken: it may wait for long.
        due = self._retries.due(self._has_room, now=now, limit=self._capacity)
        return [(owner, (file_id, None)) for owner, file_id in due]

    def _plan_retry(self, record: FileRecord, now: int) -> None:
        if is_retried(record, self._core.settings.max_attempts) and record.file_id not in self._taken:
            self._retries.plan(record, now=now)

    def _oldest_uploaded(self, now: int) -> list[_Owned]:
        """Return the oldest files that are not delayed, and those of a page of a walk over all.

        The walk reaches owners behind the many files of another one. It takes more pages while nothing is found.
        """
        self._oldest.begin_again()
        found = [_owned(each) for each in self._oldest.page() if self._free(each, now)]
        if self._oldest.at_start:
            return found
        for _ in range(MAX_PAGES):
            found += [_owned(each) for each in self._uploaded.page() if self._free(each, now)]
            if found or self._uploaded.at_start:
                break
        return found

    def _free(self, record: FileRecord, now: int) -> bool:
        is_waiting = record.file_id not in self._taken and self._backoff.is_over(record.file_id, now=now)
        return is_waiting and self._has_room(record.owner)

    def _has_room(self, owner: str) -> bool:
        return self._queue.length(owner) < self._share

    def _process(self, file_id: str, found: FileRecord | None) -> None:
        core = self._core
        try:
            found = found or core.metadata.get(file_id)
            check = self._require_waiting
            record = run_processing(core, found, force=False, abandoned=self._stopped, check=check)
        except _NotWaiting:
            return
        except (RecordNotFound, IllegalTransition, TooManyAttempts):
            # Another process removed or handled the file.
            self._backoff.forget(file_id)
        except Busy:
            self._backoff.begin(file_id, 0, now=core.timer())
        except StorageUnavailable as error:
            self._delay(file_id)
            if self._is_outage():
                self._outages += 1
                self._paused_until = core.timer() + min(LONGEST_PAUSE_MS, 100 * 2 ** min(self._outages, 10))
            logger.warning("processing delayed", extra={"file_id": file_id, "error": str(error)})
        except Exception:
            self._delay(file_id)
            logger.exception("processing failed with an internal error", extra={"file_id": file_id})
        else:
            self._outages = 0
            self._backoff.forget(file_id)
            with self._counting:
                self.totals[record.status.value] += 1
            self._retries.forget(file_id)
            if is_retried(record, core.settings.max_attempts):
                self._retries.plan(record, now=core.timer())

    def _is_outage(self) -> bool:
        """Return False when the stores answer: what one file meets is no reason for the others to wait."""
        try:
            require_stores(self._core)
        except StorageUnavailable:
            return True
        return False

    def _require_waiting(self, record: FileRecord) -> None:
        """Raise unless there is still something to do: others may have changed the file since it was found."""
        waiting = record.status in (FileStatus.UPLOADED, FileStatus.PROCESSING)
        if not waiting and not is_retried(record, self._core.settings.max_attempts):
            raise _NotWaiting

    def _delay(self, file_id: str) -> None:
        self._backoff.fail(file_id, now=self._core.timer())
