"""Calls that are running and calls that were just answered, so that a message delivered again is not executed again.

A message comes again when the connection broke before its acknowledgement arrived: the broker was away, or it took us
for dead. Then the running call, or the reply that was made, answers it. A call is known by its correlation id together
with what it says; without a correlation id each delivery is a call of its own.
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
    """Name a call, or None when it has no name."""
    return (correlation_id, method, len(body), hash(body)) if correlation_id else None


@dataclass(slots=True, eq=False)
class Execution(Generic[Waiting]):
    """A running call and the deliveries that wait for its reply."""

    key: Key | None
    waiting: list[Waiting] = field(default_factory=list)


class Executions(Generic[Waiting]):
    """Finds the execution or the reply that a delivery belongs to."""

    def __init__(self) -> None:
        self._running: dict[Key, Execution[Waiting]] = {}
        self._replies: OrderedDict[Key, tuple[int, bytes]] = OrderedDict()
        self._bytes = 0
        self._era = 0
        self.running = 0

    def new_era(self) -> None:
        """Note that the connection broke: from now on a known call may be a repeated one without saying so."""
        self._era += 1

    def join(self, key: Key | None, waiting: Waiting) -> bool:
        """Let a delivery wait for the call that is running already; false when none is."""
        execution = self._running.get(key) if key else None
        if execution is not None:
            execution.waiting.append(waiting)
        return execution is not None

    def reply_to(self, key: Key | None, *, repeated: bool) -> bytes | None:
        """The reply that was given to this call, if this is a repetition of it.

        A caller that uses one correlation id for call after call is not taken for one who repeats himself, unless
        the connection broke meanwhile.
        """
        era, body = self._replies.get(key, (self._era, None)) if key else (self._era, None)
        return body if repeated or era != self._era else None

    def start(self, key: Key | None, waiting: Waiting) -> Execution[Waiting]:
        """Note that a call is executed from now on."""
        execution = Execution(key, [waiting])
        if key:
            self._running[key] = execution
        self.running += 1
        return execution

    def finish(self, execution: Execution[Waiting], reply: bytes) -> list[Waiting]:
        """Note the reply; returns the deliveries that it answers."""
        self.running -= 1
        if execution.key and self._running.pop(execution.key, None):
            self._remember(execution.key, reply)
        return execution.waiting

    def abandon(self, execution: Execution[Waiting]) -> None:
        """Note that a call was not executed after all."""
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
