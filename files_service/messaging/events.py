"""The port of the relay for publishing events, and the publisher of a service without a broker."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from files_service.errors import ServiceUnavailable
from storage_adapters import JSON

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """One event to publish."""

    name: str
    payload: JSON
    event_id: str


class EventPublisher(ABC):
    """Publisher of events, at least once each; receivers detect repeats by ``event_id``."""

    @abstractmethod
    def publish(self, event: str, payload: JSON, *, event_id: str) -> None:
        """Publish one event; return once it cannot be lost.

        Raises ServiceUnavailable when that is not possible now; the caller retries later, in order.
        """

    def publish_all(self, events: Sequence[Event]) -> int:
        """Publish events that do not depend on each other's order; return how many of the first ones cannot be lost.

        Fewer than all: the others may have been published or not, and the caller publishes them again later.
        """
        for number, event in enumerate(events):
            try:
                self.publish(event.name, event.payload, event_id=event.event_id)
            except ServiceUnavailable:
                return number
        return len(events)

    @abstractmethod
    def close(self) -> None:
        """Release connections; safe to call twice."""


class LogPublisher(EventPublisher):
    """A publisher that writes events to the log, for a service without a broker."""

    def publish(self, event: str, payload: JSON, *, event_id: str) -> None:
        """Write one line."""
        logger.info("event", extra={"file_event": event, "event_id": event_id, "file_id": payload.get("file_id")})

    def close(self) -> None:
        """Do nothing: there is nothing to release."""
