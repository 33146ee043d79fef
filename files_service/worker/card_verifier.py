"""Verification of card sessions: one worker of all reads the copies again, at a bounded rate, and judges."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from files_service.core import Core
from files_service.runtime.backoff import Backoff
from files_service.services.cards.verification import (
    Rereading,
    Verification,
    due_verifications,
    give_verdict,
    is_void,
    save_work,
)
from files_service.worker.leased import Leased
from storage_adapters import RevisionConflict, StorageUnavailable, SupportsDocuments

logger = logging.getLogger(__name__)

LEASE_SECONDS = 30
LOOK_SECONDS = 2.0
# Of so many sessions each gets a turn.
SESSIONS_AT_ONCE = 20
TURN_BYTES = 32 * 1024 * 1024
MOST_RATE = 256 * 1024 * 1024
SAVE_MS = 3_000


@dataclass(slots=True)
class _Reading:
    """A reading between two turns."""

    rereading: Rereading
    steps: Iterator[int]
    saved_at: int


class CardVerifier(Leased):
    """The verifier. A worker that takes over reads on behind the last chunk that was stored as read."""

    def __init__(self, core: Core, *, holder: str, stopped: Callable[[], bool] = lambda: False) -> None:
        super().__init__(core, "cards", holder=holder, seconds=LEASE_SECONDS, stopped=stopped)
        self._readings: dict[str, _Reading] = {}
        # Of sessions that cannot be read now: each failure makes the loop wait, and the others with it.
        self._delays = Backoff(first_ms=1_000, factor=2, longest_ms=60_000)

    def step(self) -> float:
        """Give each session a turn; return the seconds to wait, so that the rate is kept."""
        if not isinstance(self._core.metadata, SupportsDocuments):
            return LOOK_SECONDS
        # Those that cannot be read now take no place of others.
        due = due_verifications(self._core, SESSIONS_AT_ONCE, is_due=self._is_due, on_unreadable=self._note_unreadable)
        if not due or not self._lease.held():
            self._readings.clear()
            return LOOK_SECONDS
        began, cost = self._core.timer(), 0
        failure: Exception | None = None
        for work in due:
            if self._stopped() or not self._lease.held():
                return LOOK_SECONDS
            try:
                cost += self._turn(work)
                self._delays.forget(work.session_id)
            except Exception as error:
                # The others go on; the loop reports the failure.
                self._delays.fail(work.session_id, now=self._core.timer())
                logger.warning("verification fails", exc_info=True, extra={"session": work.session_id})
                failure = error
        if failure is not None:
            raise failure
        elapsed = (self._core.timer() - began) / 1000
        return max(0.0, cost / MOST_RATE - elapsed) if cost else LOOK_SECONDS

    def _is_due(self, session_id: str) -> bool:
        return self._delays.is_over(session_id, now=self._core.timer())

    def _note_unreadable(self, session_id: str, error: Exception) -> None:
        """Leave a verification to the version of the service that knows it."""
        self._delays.fail(session_id, now=self._core.timer())
        extra = {"session": session_id, "error": f"{type(error).__name__}: {error}"}
        logger.error("a verification cannot be read", extra=extra)

    def give_up(self) -> None:
        """Store the places that were reached and release the lease, so that another worker can go on."""
        for session_id in list(self._readings):
            self._save(session_id)
        self._readings.clear()
        self._lease.release()

    def _turn(self, work: Verification) -> int:
        """Read some of a session; return the cost in bytes."""
        if is_void(self._core, work):
            self._readings.pop(work.session_id, None)
            return 0
        reading, cost = self._reading(work), 0
        try:
            while cost < TURN_BYTES and not self._stopped():
                cost += next(reading.steps)
        except StopIteration:
            # Kept for the case that a call still writes entries.
            self._save(work.session_id)
            self._readings.pop(work.session_id, None)
            return cost if self._finish(reading.rereading.work) else 0
        except StorageUnavailable:
            # A file may take longer than a store answers without a break.
            try:
                self._save(work.session_id)
            finally:
                self._readings.pop(work.session_id, None)
            raise
        except BaseException:
            # It goes on behind the last chunk that was stored.
            del self._readings[work.session_id]
            raise
        if self._core.timer() >= reading.saved_at + SAVE_MS:
            self._save(work.session_id)
        return cost

    def _reading(self, work: Verification) -> _Reading:
        reading = self._readings.get(work.session_id)
        if reading is None or reading.rereading.work.document != work.document:
            rereading = Rereading(self._core, work)
            reading = _Reading(rereading, rereading.steps(), self._core.timer())
            self._readings[work.session_id] = reading
        return reading

    def _save(self, session_id: str) -> None:
        reading = self._readings[session_id]
        try:
            reading.rereading.work = save_work(self._core, reading.rereading.work)
        except RevisionConflict:
            # Another process has read on, or it was begun anew.
            del self._readings[session_id]
            return
        reading.saved_at = self._core.timer()

    def _finish(self, work: Verification) -> bool:
        session = give_verdict(self._core, work)
        if session is None:
            return False
        extra = {"session": session.session_id, "state": session.state.value, "files": work.reread.files}
        logger.info("card session judged", extra=extra)
        return True
