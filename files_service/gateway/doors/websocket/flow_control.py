"""Flow control of one WebSocket: each message counts from its first byte until it is processed.

All messages of all connections together fit into the budget. Without room for a message the connection is not read: at
most one read of the socket is held of the message, and the rest waits with the sender.
"""

from __future__ import annotations

import asyncio
from collections import deque

from files_service.errors import Busy, TooLarge
from files_service.gateway.connection import Connection
from files_service.gateway.doors.websocket.frames import Frames
from files_service.gateway.limits import Limits
from files_service.gateway.transfer.memory_budget import Holder, MemoryBudget, Share
from files_service.gateway.transfer.min_rate import MinRate


class FlowControl(Holder):
    """The unprocessed messages of a connection. ``most`` is the length of the longest message.

    ``users`` share the budget with others.
    """

    def __init__(
        self,
        connection: Connection,
        pace: MinRate,
        budget: MemoryBudget,
        limits: Limits,
        *,
        most: int,
        refuse: bool,
        users: tuple[str, ...] = (),
    ) -> None:
        self._connection, self._pace, self._budget = connection, pace, budget
        self._most, self._refuse, self._users = most, refuse, users
        self._refused = self._closed = False
        self._slow_seconds = limits.websocket_message_seconds
        self._look_seconds = min(self._slow_seconds / 4, limits.websocket_ping_seconds / 2)
        self._frames = Frames(self._count)
        self._coming: deque[Share] = deque()
        self._received: set[Share] = set()
        self._waiting: set[Share] = set()
        self._timer: asyncio.TimerHandle | None = None
        connection.listener = self._frames.feed
        connection.frames_of_stranger = limits.stranger_frames if refuse else None

    def admit(self, pace: MinRate, budget: MemoryBudget, *, most: int, users: tuple[str, ...]) -> None:
        """Admit a sender with a token: the parser alone refuses long messages from now on."""
        self._pace, self._budget, self._most, self._refuse, self._users = pace, budget, most, False, users
        self._connection.frames_of_stranger = None
        self._let_pace_run()

    def receive(self) -> Share:
        """Return the share of the next received message, to be freed after processing."""
        share = self._coming.popleft()
        self._received.add(share)
        self._let_pace_run()
        return share

    def free(self, share: Share) -> None:
        """Release the share of a processed message."""
        self._received.discard(share)
        share.budget.give_back(share)
        self._let_pace_run()

    def close(self) -> None:
        """Release all shares; later bytes are not counted."""
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
            self._connection.go_on(self)

    def hurry(self, share: Share) -> None:
        """See ``Holder``: a sender that is slow with its current message is disconnected, like an idle one."""
        if self._connection.reads and self._frames.unfinished and share is self._coming[-1]:
            self._pace.give_up(Busy("this message is too slow while others wait: send shorter ones"))

    def _count(self, size: int, *, begins: bool, ends: bool) -> None:
        if self._closed:
            return
        if self._refuse and size > self._most:
            self._refused = True
            self._connection.let_wait(self)
            message = "show a token before you send so much at once"
            self._pace.give_up(TooLarge(message, {"field": "message", "limit": self._most}))
        if begins:
            # The length of a message of several frames is unknown: it needs room for the longest message.
            share = self._budget.take(min(size, self._most) if ends else self._most, self, *self._users)
            self._coming.append(share)
            if share.since is None:
                self._let_wait(share)

    def _let_wait(self, share: Share) -> None:
        self._connection.let_wait(self)
        if not self._waiting:
            self._still_waiting()
        self._waiting.add(share)
        self._let_pace_run()

    def _let_pace_run(self) -> None:
        """Count only the time in which we wait for the sender, not the time in which it waits for us."""
        if self._refused or not (self._waiting or self._received):
            self._pace.go_on()
        else:
            self._pace.hold()

    def _still_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        self._connection.excuse()
        self._budget.hurry(loop.time() - self._slow_seconds)
        self._timer = loop.call_later(self._look_seconds, self._still_waiting)
