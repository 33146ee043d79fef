"""How a call travels: the port of the two transports, and the patience that they share."""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from files_service.errors import ServiceUnavailable

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, however often it has to be sent."""

    method: str
    params: dict[str, Any]
    timeout_seconds: float
    request_id: str
    started: float = field(default_factory=time.monotonic)

    @property
    def remaining_seconds(self) -> float:
        """How long the caller still waits, at least a moment."""
        return max(0.001, self.started + self.timeout_seconds - time.monotonic())

    def attempts(self) -> Iterator[int]:
        """Count attempts from 0, with growing pauses between them, until the time is over."""
        attempt, pause = 0, FIRST_PAUSE
        while True:
            yield attempt
            wait = random.uniform(pause / 2, pause)  # noqa: S311 - spreads load
            if self.started + self.timeout_seconds - time.monotonic() <= wait:
                return
            time.sleep(wait)
            attempt, pause = attempt + 1, min(pause * 2, LONGEST_PAUSE)

    def gave_up(self, reason: str) -> ServiceUnavailable:
        """The error of a call that was not answered in time."""
        return ServiceUnavailable(
            f"no answer within {self.timeout_seconds:g} s: {reason}",
            {"method": self.method, "request_id": self.request_id},
        )


class Transport(ABC):
    """Carries calls to the service; may be shared by threads."""

    @abstractmethod
    def call(self, call: Call) -> Any:
        """Send a call and return its result.

        Repeats it while the way is broken and time is left; all calls of the API may be repeated. Raises the FilesError
        that the service answered with, or ServiceUnavailable.
        """

    @abstractmethod
    def close(self) -> None:
        """Close connections; harmless twice."""
