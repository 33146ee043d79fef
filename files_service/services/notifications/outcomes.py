"""Settles notifications for the doors that they come by: what each meant is counted, and said in the log."""

from __future__ import annotations

import logging

from files_service.core import Core
from files_service.errors import FilesError, ServiceUnavailable
from files_service.runtime.metrics import Metrics
from files_service.services.notifications.handler import Completion, Outcome
from files_service.services.notifications.messages import Finalized, Ignored, Malformed

logger = logging.getLogger(__name__)

# What comes as it should is counted; its log line is the request's.
_LEVELS = {
    Outcome.COMPLETED: logging.DEBUG,
    Outcome.RECEIVED: logging.DEBUG,
    Outcome.DUPLICATE: logging.DEBUG,
    Outcome.OVERWRITTEN: logging.WARNING,
    Outcome.MISMATCH: logging.WARNING,
}
FAILED = "failed"


class Settlement:
    """One door's way to files.finish. May be used by several threads."""

    def __init__(self, core: Core, metrics: Metrics, source: str) -> None:
        self._core, self._metrics, self._source = core, metrics, source
        self._completion = Completion(core)

    def settle(self, news: Finalized | Ignored) -> Outcome:
        """Settle a notification; when this raises, it is to be delivered again. Raises a FilesError of 5xx."""
        try:
            settled = self._completion.settle(news)
        except Exception as error:
            self._metrics.notification(self._source, FAILED)
            # Whatever it says of the file, what failed is our answer to a notification that is as it should be.
            if isinstance(error, FilesError) and error.http_status < 500:
                raise ServiceUnavailable(f"the notification could not be settled: {error}") from error
            raise
        outcome = settled.outcome
        arrived = outcome in (Outcome.RECEIVED, Outcome.COMPLETED)
        event_at = news.event_at if arrived and isinstance(news, Finalized) else None
        seconds = max(0.0, (self._core.clock() - event_at) / 1000) if event_at is not None else None
        self._metrics.notification(self._source, outcome.value, seconds)
        level = _LEVELS.get(outcome, logging.INFO)
        if logger.isEnabledFor(level):
            extra = {"source": self._source, "outcome": outcome.value, **settled.details}
            logger.log(level, "notification", extra=extra)
        return outcome

    def set_aside(self, fault: Malformed) -> None:
        """Settle what cannot be read: it would be no better the next time."""
        self._metrics.notification(self._source, Outcome.MALFORMED.value)
        extra = {"source": self._source, "outcome": Outcome.MALFORMED.value, "reason": str(fault)}
        logger.warning("notification", extra=extra)
