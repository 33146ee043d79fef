"""Where events go in tests."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from files_service.errors import ServiceUnavailable
from files_service.messaging.events import EventPublisher
from storage_adapters import JSON


@dataclass(frozen=True)
class Published:
    """One event as it was handed over."""

    event: str
    event_id: str
    payload: JSON


@dataclass
class Collector(EventPublisher):
    """Keeps what is published; fails the next ``failures`` times, or for as long as it is ``broken``."""

    events: list[Published] = field(default_factory=list)
    failures: int = 0
    broken: bool = False
    attempts: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def publish(self, event: str, payload: JSON, *, event_id: str) -> None:
        with self._lock:
            self.attempts += 1
            if self.broken or self.failures > 0:
                self.failures -= 1
                raise ServiceUnavailable("the broker is away")
            self.events.append(Published(event, event_id, payload))

    def close(self) -> None:
        """Nothing is open."""

    @property
    def ids(self) -> list[str]:
        """The event ids in the order of their first announcement."""
        return list(dict.fromkeys(each.event_id for each in self.events))

    @property
    def names(self) -> list[str]:
        return [each.event for each in self.events]
