"""Where the relay hands its events. The port; the AMQP publisher is in ``files_service.messaging.rpc``."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod

from storage_adapters import JSON

logger = logging.getLogger(__name__)


class EventPublisher(ABC):
    """Announces events at least once; receivers tell repeats by ``event_id``."""

    @abstractmethod
    def publish(self, event: str, payload: JSON, *, event_id: str) -> None:
        """Hand one event over and return once it cannot be lost any more.

        Raises ServiceUnavailable when that is not possible now; the caller tries again later, in order.
        """

    @abstractmethod
    def close(self) -> None:
        """Release connections; harmless twice."""


class LogPublisher(EventPublisher):
    """Announces events in the log alone: for a service without a broker."""

    def publish(self, event: str, payload: JSON, *, event_id: str) -> None:
        """Write one line."""
        logger.info("event", extra={"file_event": event, "event_id": event_id, "file_id": payload.get("file_id")})

    def close(self) -> None:
        """Nothing to release."""
