"""Running and recently answered calls, so that a redelivered message is not executed twice.

A message is redelivered when the connection breaks before its acknowledgement arrives: the broker was down, or closed
the connection after missed heartbeats. The running call or the stored reply then answers it. The correlation id
together with the content identifies a call; without a correlation id each delivery is a new call.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

MAX_REMEMBERED = 10_000
MAX_REMEMBERED_BYTES = 16 * 2**20

Waiting = TypeVar("Waiting")
Key = tuple[str, str, int, int]


def call_key(correlation_id: str | None, method: str, body: bytes) -> Key | None:
    """Return the identity of a call, or None when it has none."""
    return (correlation_id, method, len(body), hash(body)) if correlation_id else None


@dataclass(slots=True, eq=False)
class Execution(Generic[Waiting]):
    """A running call and the deliveries that wait for its reply."""

    key: Key | None
    waiting: list[Waiting] = field(default_factory=list)


class Executions(Generic[Waiting]):
    """Lookup of the execution or reply that a delivery belongs to."""

    def __init__(self) -> None:
        self._running: dict[Key, Execution[Waiting]] = {}
        self._replies: OrderedDict[Key, tuple[int, bytes]] = OrderedDict()
        self._bytes = 0
        self._era = 0
        self.running = 0

    def connection_lost(self) -> None:
        """Record that the connection broke: from now on a known call may be an unmarked redelivery."""
        self._era += 1

    def join(self, key: Key | None, waiting: Waiting) -> bool:
        """Attach a delivery to the running call; return False when none is running."""
        execution = self._running.get(key) if key else None
        if execution is not None:
            execution.waiting.append(waiting)
        return execution is not None

    def reply_to(self, key: Key | None, *, repeated: bool) -> bytes | None:
        """Return the stored reply to this call, if the call is a repeat.

        A caller that reuses one correlation id is not taken as repeating, unless the connection broke in between.
        """
        era, body = self._replies.get(key, (self._era, None)) if key else (self._era, None)
        return body if repeated or era != self._era else None

    def start(self, key: Key | None, waiting: Waiting) -> Execution[Waiting]:
        """Record the start of a call."""
        execution = Execution(key, [waiting])
        if key:
            self._running[key] = execution
        self.running += 1
        return execution

    def finish(self, execution: Execution[Waiting], reply: bytes) -> list[Waiting]:
        """Store the reply; return the deliveries that it answers."""
        self.running -= 1
        if execution.key and self._running.pop(execution.key, None):
            self._remember(execution.key, reply)
        return execution.waiting

    def abandon(self, execution: Execution[Waiting]) -> None:
        """Record that a call was not executed."""
        self.running -= 1
        if execution.key:
            self._running.pop(execution.key, None)

    def _remember(self, key: Key, reply: bytes) -> None:
        _, old = self._replies.pop(key, (0, b""))
        self._replies[key] = (self._era, reply)
        self._bytes += len(reply) - len(old)
        while len(self._replies) > MAX_REMEMBERED or self._bytes > MAX_REMEMBERED_BYTES:
            _, (_, forgotten) = self._replies.popitem(last=False)
            self._bytes -= len(forgotten)
