"""Jobs on whole folders: one worker of all runs them, a batch of each in turn."""

from __future__ import annotations

import logging
from collections.abc import Callable

from files_service.core import Core
from files_service.runtime.backoff import Backoff
from files_service.services.jobs.job import place_of, running_jobs
from files_service.services.jobs.steps import run_step
from files_service.worker.leased import Leased
from storage_adapters import DocumentPosition, SupportsDocuments

logger = logging.getLogger(__name__)

LEASE_SECONDS = 30
LOOK_SECONDS = 2.0
# Of so many jobs each gets a batch in turn.
JOBS_AT_ONCE = 20


class JobRunner(Leased):
    """The runner of jobs. A worker that takes over goes on at the place that the last step has stored."""

    def __init__(self, core: Core, *, holder: str, stopped: Callable[[], bool] = lambda: False) -> None:
        super().__init__(core, "jobs", holder=holder, seconds=LEASE_SECONDS, stopped=stopped)
        # Of jobs that fail: each failure makes the loop wait, and the others with it.
        self._delays = Backoff(first_ms=1_000, factor=2, longest_ms=60_000)
        # That of the job whose turn was the last.
        self._after: DocumentPosition | None = None

    def step(self) -> float:
        """Do a batch of each job that runs; return the seconds to wait."""
        if not isinstance(self._core.metadata, SupportsDocuments):
            return LOOK_SECONDS
        jobs = running_jobs(
            self._core, JOBS_AT_ONCE, after=self._after, is_due=self._is_due, on_unreadable=self._note_unreadable
        )
        if not jobs or not self._lease.held():
            return LOOK_SECONDS
        failure: Exception | None = None
        for job in jobs:
            if self._stopped() or not self._lease.held():
                return LOOK_SECONDS
            self._after = place_of(job)
            try:
                run_step(self._core, job)
                self._delays.forget(job.job_id)
            except Exception as error:
                # The others go on; the loop reports the failure and waits.
                self._delays.fail(job.job_id, now=self._core.timer())
                logger.warning("job fails", exc_info=True, extra={"job": job.job_id, "kind": job.kind.value})
                failure = error
        if failure is not None:
            raise failure
        return 0.0

    def _is_due(self, job_id: str) -> bool:
        return self._delays.is_over(job_id, now=self._core.timer())

    def _note_unreadable(self, job_id: str, error: Exception) -> None:
        """Leave a job to the version of the service that knows it."""
        self._delays.fail(job_id, now=self._core.timer())
        logger.error("a job cannot be read", extra={"job": job_id, "error": f"{type(error).__name__}: {error}"})
