"""What comes on one WebSocket, counted message by message: from its first byte until it was dealt with.

So all messages of all connections together fit into the budget. One for which there is no room is not read on: at most
what the socket gave at once is held of it, and the rest waits where it is, with the sender.
"""

from __future__ import annotations

import asyncio
from collections import deque

from files_service.errors import Busy, TooLarge
from files_service.gateway.connection import Connection
from files_service.gateway.doors.websocket.frames import Frames
from files_service.gateway.limits import Limits
from files_service.gateway.transfer.memory_budget import Budget, Holder, Share
from files_service.gateway.transfer.min_rate import Pace


class Inflow(Holder):
    """The messages of a connection that are under way or waiting. ``most`` is the length of the longest one."""

    def __init__(
        self, connection: Connection, pace: Pace, budget: Budget, limits: Limits, *, most: int, refuse: bool
    ) -> None:
        self._connection, self._pace, self._budget = connection, pace, budget
        self._most, self._refuse = most, refuse
        self._refused = self._closed = False
        self._slow_seconds = limits.websocket_message_seconds
        self._look_seconds = min(self._slow_seconds / 4, limits.websocket_ping_seconds / 2)
        self._frames = Frames(self._count)
        self._coming: deque[Share] = deque()
        self._received: set[Share] = set()
        self._waiting: set[Share] = set()
        self._timer: asyncio.TimerHandle | None = None
        connection.listener = self._frames.feed

    def admit(self, pace: Pace, budget: Budget, *, most: int) -> None:
        """From now on the sender is known, and the parser alone decides what is too long."""
        self._pace, self._budget, self._most, self._refuse = pace, budget, most, False
        self._let_pace_run()

    def receive(self) -> Share:
        """The share of the next message, which was received; it is given back when that was dealt with."""
        share = self._coming.popleft()
        self._received.add(share)
        self._let_pace_run()
        return share

    def free(self, share: Share) -> None:
        """A message was dealt with."""
        self._received.discard(share)
        share.budget.give_back(share)
        self._let_pace_run()

    def close(self) -> None:
        """The conversation is over: what still comes is not counted."""
        self._closed = True
        for share in (*self._received, *self._coming):
            share.budget.give_back(share)
        self._coming.clear()
        self._received.clear()

    def go_on(self, share: Share) -> None:
        """See ``Holder``."""
        self._waiting.discard(share)
        if self._waiting:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._let_pace_run()
        if not self._refused:
            self._connection.go_on()

    def hurry(self, share: Share) -> None:
        """See ``Holder``: whoever is slow with the message that is coming is let go, like one who sends nothing."""
        if self._connection.reads and self._frames.unfinished and share is self._coming[-1]:
            self._pace.give_up(Busy("others wait while this message comes too slowly: send shorter ones"))

    def _count(self, size: int, *, begins: bool, ends: bool) -> None:
        if self._closed:
            return
        if self._refuse and size > self._most:
            self._refused = True
            self._connection.let_wait()
            message = "show a token before you send so much at once"
            self._pace.give_up(TooLarge(message, {"field": "message", "limit": self._most}))
        if begins:
            # How long a message of several frames becomes is not known: it has room for the longest, or waits.
            share = self._budget.take(min(size, self._most) if ends else self._most, self)
            self._coming.append(share)
            if share.since is None:
                self._let_wait(share)

    def _let_wait(self, share: Share) -> None:
        self._connection.let_wait()
        if not self._waiting:
            self._still_waiting()
        self._waiting.add(share)
        self._let_pace_run()

    def _let_pace_run(self) -> None:
        """Time counts while the sender is waited for: not while it waits for room or for what becomes of a slice."""
        if self._refused or not (self._waiting or self._received):
            self._pace.go_on()
        else:
            self._pace.hold()

    def _still_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        self._connection.excuse()
        self._budget.hurry(loop.time() - self._slow_seconds)
        self._timer = loop.call_later(self._look_seconds, self._still_waiting)
