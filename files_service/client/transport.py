"""The port of the two transports, with the retry policy that they share."""

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
    """One call, sent once or several times."""

    method: str
    params: dict[str, Any]
    timeout_seconds: float
    request_id: str
    started: float = field(default_factory=time.monotonic)

    @property
    def remaining_seconds(self) -> float:
        """The remaining timeout of the caller, at least a minimal one."""
        return max(0.001, self.started + self.timeout_seconds - time.monotonic())

    def attempts(self) -> Iterator[int]:
        """Count attempts from 0, with growing pauses between them, until the timeout."""
        attempt, pause = 0, FIRST_PAUSE
        while True:
            yield attempt
            wait = random.uniform(pause / 2, pause)  # noqa: S311 - spreads load
            if self.started + self.timeout_seconds - time.monotonic() <= wait:
                return
            time.sleep(wait)
            attempt, pause = attempt + 1, min(pause * 2, LONGEST_PAUSE)

    def gave_up(self, reason: str) -> ServiceUnavailable:
        """Return the error of a call that timed out."""
        return ServiceUnavailable(
            f"no answer within {self.timeout_seconds:g} s: {reason}",
            {"method": self.method, "request_id": self.request_id},
        )


class Transport(ABC):
    """Transport of calls to the service; thread-safe."""

    @abstractmethod
    def call(self, call: Call) -> Any:
        """Send a call and return its result.

        Repeats it while the connection fails and time is left; all calls of the API are safe to repeat. Raises the
        FilesError that the service returned, or ServiceUnavailable.
        """

    @abstractmethod
    def close(self) -> None:
        """Close connections; safe to call twice."""
