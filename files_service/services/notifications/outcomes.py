"""Handling of notifications with metrics and logs, for every source."""

from __future__ import annotations

import logging

from files_service.core import Core
from files_service.errors import FilesError, ServiceUnavailable
from files_service.runtime.metrics import Metrics
from files_service.services.notifications.handler import NotificationHandler, Outcome
from files_service.services.notifications.messages import Finalized, Ignored, Malformed

logger = logging.getLogger(__name__)

# Expected outcomes are counted; the request has a log line of its own.
_LEVELS = {
    Outcome.COMPLETED: logging.DEBUG,
    Outcome.RECEIVED: logging.DEBUG,
    Outcome.DUPLICATE: logging.DEBUG,
    Outcome.OVERWRITTEN: logging.WARNING,
    Outcome.MISMATCH: logging.WARNING,
}
FAILED = "failed"


class MeteredHandler:
    """Handler for the notifications of one source that counts and logs outcomes. Thread-safe."""

    def __init__(self, core: Core, metrics: Metrics, source: str) -> None:
        self._core, self._metrics, self._source = core, metrics, source
        self._handler = NotificationHandler(core)

    def handle(self, news: Finalized | Ignored) -> Outcome:
        """Apply a notification; after an error it must be delivered again. Raises FilesError with a status of 5xx."""
        try:
            handled = self._handler.handle(news)
        except Exception as error:
            self._metrics.notification(self._source, FAILED)
            # The notification is valid, so the sender must not see an error of 4xx.
            if isinstance(error, FilesError) and error.http_status < 500:
                raise ServiceUnavailable(f"the notification could not be applied: {error}") from error
            raise
        outcome = handled.outcome
        arrived = outcome in (Outcome.RECEIVED, Outcome.COMPLETED)
        event_at = news.event_at if arrived and isinstance(news, Finalized) else None
        seconds = max(0.0, (self._core.clock() - event_at) / 1000) if event_at is not None else None
        self._metrics.notification(self._source, outcome.value, seconds)
        level = _LEVELS.get(outcome, logging.INFO)
        if logger.isEnabledFor(level):
            extra = {"source": self._source, "outcome": outcome.value, **handled.details}
            logger.log(level, "notification", extra=extra)
        return outcome

    def set_aside(self, fault: Malformed) -> None:
        """Count and log a malformed notification; another delivery would not help."""
        self._metrics.notification(self._source, Outcome.MALFORMED.value)
        extra = {"source": self._source, "outcome": Outcome.MALFORMED.value, "reason": str(fault)}
        logger.warning("notification", extra=extra)
