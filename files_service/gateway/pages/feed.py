"""Changes for open pages: one reader of the change feed for all of them.

A change is a hint, sent at most once: a page that falls behind or reconnects loads its list again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from files_service.errors import FilesError
from files_service.gateway.state import Gateway
from files_service.services.cards.messages import message_of
from files_service.services.files import require
from files_service.services.inbox.messages import message_of as message_of_inbox
from storage_adapters import JSON, Change, DocumentChange, SupportsChanges

logger = logging.getLogger(__name__)

QUEUE = 64
BATCH = 200
SHORTEST_SECONDS = 0.1
LONGEST_SECONDS = 1.0
AFTER_FAILURE_SECONDS = 2.0
RELOAD: JSON = {"event": "reload"}


class Subscription:
    """The pending messages of one page; None ends it."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[JSON | None] = asyncio.Queue(QUEUE)

    async def next(self, timeout_seconds: float) -> JSON | None:
        """Return the next message, None at the end. Raises TimeoutError."""
        async with asyncio.timeout(timeout_seconds):
            return await self._queue.get()

    def put(self, message: JSON | None) -> None:
        """Queue a message. A page that does not keep up gets a reload instead."""
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(RELOAD)
        self._queue.put_nowait(message)


class Feed:
    """Reader of the change feed while pages listen; owners get the changes of their own files and cards."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        # In the order in which they came.
        self._listening: defaultdict[str, dict[Subscription, None]] = defaultdict(dict)
        self._reading: asyncio.Task[None] | None = None
        self._has_position = False

    @contextmanager
    def listen(self, owner: str) -> Iterator[Subscription]:
        """Subscribe to the changes of an owner's files for the block. Raises NotSupported without a change feed."""
        feed = require(self._gateway.core.metadata, SupportsChanges)
        subscription = Subscription()
        self._listening[owner][subscription] = None
        if self._reading is None:
            self._has_position = False
            self._reading = asyncio.ensure_future(self._read(feed))
        elif self._has_position:
            # A page that reconnects has missed what happened meanwhile.
            subscription.put(RELOAD)
        try:
            yield subscription
        finally:
            self._listening[owner].pop(subscription, None)
            if not self._listening[owner]:
                del self._listening[owner]
            if not self._listening and self._reading is not None:
                self._reading.cancel()
                self._reading = None

    def keep(self, owner: str, most: int) -> None:
        """End the oldest subscriptions of an owner, so that at most so many are left."""
        subscriptions = list(self._listening.get(owner, ()))
        for subscription in subscriptions[: max(0, len(subscriptions) - most)]:
            del self._listening[owner][subscription]
            subscription.put(None)

    def listeners(self, owner: str) -> int:
        """Return the number of listening pages of an owner."""
        return len(self._listening.get(owner, ()))

    async def close(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading

    async def _read(self, feed: SupportsChanges) -> None:
        """Follow the feed through every failure: all open pages depend on this reader."""
        while True:
            try:
                await self._follow(feed)
            except FilesError as error:
                logger.warning("pages get no changes", extra={"error": str(error)})
            except Exception:
                logger.exception("pages get no changes: internal error")
            await asyncio.sleep(AFTER_FAILURE_SECONDS)

    async def _follow(self, feed: SupportsChanges) -> None:
        """Tell the changes from now on; return when the store lost its latest writes."""
        position = await self._gateway.calls.run(feed.last_sequence)
        self._has_position = True
        # Earlier changes are unknown.
        self._tell_all(RELOAD)
        wait = SHORTEST_SECONDS
        while True:
            changes = await self._gateway.calls.run(_changes, feed, position)
            if not changes and not await self._gateway.calls.run(feed.has_changes_behind, position):
                # The store gives the same sequences to other changes.
                return
            for change in _newest(changes):
                self._tell(change)
            if changes:
                position, wait = changes[-1].sequence, SHORTEST_SECONDS
            if len(changes) < BATCH:
                await asyncio.sleep(wait)
                wait = min(LONGEST_SECONDS, wait * 1.5)

    def _tell(self, change: Change | DocumentChange) -> None:
        if isinstance(change, DocumentChange):
            told = message_of(change.document) or message_of_inbox(change.document)
            if told is not None:
                self._put(told.owner, told.body)
            return
        if change.event is None:
            return
        message = {
            "event": change.event,
            "file_id": change.file_id,
            "status": change.record.status.value,
            "revision": change.revision,
            "deleted": change.deleted,
        }
        self._put(change.record.owner, message)

    def _put(self, owner: str, message: JSON) -> None:
        for subscription in self._listening.get(owner, ()):
            subscription.put(message)

    def _tell_all(self, message: JSON) -> None:
        for subscriptions in self._listening.values():
            for subscription in subscriptions:
                subscription.put(message)


def _newest(changes: Sequence[Change | DocumentChange]) -> Iterator[Change | DocumentChange]:
    """Yield the changes, and of each document the last one alone: one that is written often is told once."""
    last = {each.document.key: each.sequence for each in changes if isinstance(each, DocumentChange)}
    for change in changes:
        if not isinstance(change, DocumentChange) or last[change.document.key] == change.sequence:
            yield change


def _changes(feed: SupportsChanges, position: str) -> list[Change | DocumentChange]:
    return feed.changes(after=position, limit=BATCH)
