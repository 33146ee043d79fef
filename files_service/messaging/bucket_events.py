"""Events of an S3 bucket from a queue of the broker, as MinIO sends them; a notification queue of the worker.

URL: ``broker://QUEUE[?exchange=NAME]``, on the broker of the service. The queue is made where there is none, and bound
to the exchange, if one is named. A message that fails stays with this process, unacknowledged, until it is due again:
the broker itself knows no pause. It comes to another process when this one ends.
"""

from __future__ import annotations

import heapq
import logging
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import amqp

from files_service.messaging.address import open_connection
from files_service.messaging.rpc.topology import CLASSIC, QUORUM, kind_of
from storage_adapters import NotificationQueue, Pulled, StorageUnavailable, UnknownStore

logger = logging.getLogger(__name__)

SCHEME = "broker"
PULL_SECONDS = 1.0
# The wait for another message of a batch.
_MORE_SECONDS = 0.005
# Messages in this process, those included that wait for another attempt.
PREFETCH = 500
# Attempts at one message in one process, half an hour in all; the broker discards it then, and the sweeper remains.
ATTEMPTS = 10
LONGEST_PAUSE_SECONDS = 300
# A quorum queue discards what came to so many processes that ended.
_DELIVERIES = 100
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
_ERRORS = (OSError, amqp.AMQPError)


class BucketEvents(NotificationQueue):
    """The queue. What is pulled has the bytes of the message as ``body``."""

    def __init__(
        self,
        uri: str,
        queue: str,
        exchange: str = "",
        *,
        queue_type: str = CLASSIC,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._uri, self._queue, self._exchange, self._kind, self._timer = uri, queue, exchange, queue_type, timer
        self._connection: amqp.Connection | None = None
        self._channel: Any = None
        # Deliveries of one connection have receipts of their own.
        self._epoch = 0
        self._arrived: list[Pulled] = []
        self._unsettled: dict[str, Pulled] = {}
        self._failures: dict[str, int] = {}
        self._delayed: list[tuple[float, str]] = []

    @classmethod
    def from_url(cls, url: str, uri: str, *, queue_type: str = CLASSIC) -> Self:
        """Open ``broker://QUEUE[?exchange=NAME]`` at the broker of ``uri``. Raises UnknownStore."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        exchange = query.pop("exchange", "")
        names = [parts.netloc, *([exchange] if "exchange=" in parts.query else [])]
        if parts.path or parts.fragment or query or not all(_NAME.fullmatch(name) for name in names):
            raise UnknownStore("a queue of the broker is broker://QUEUE[?exchange=NAME]")
        if not uri:
            raise UnknownStore("a queue of the broker needs a broker: set AMQP_URI")
        return cls(uri, parts.netloc, exchange, queue_type=queue_type)

    def pull(self, limit: int) -> list[Pulled]:
        """See ``NotificationQueue``."""
        with self._connected() as connection, suppress(socket.timeout):
            # Each turn reads one frame, of which a message has three.
            while len(self._arrived) < limit:
                is_idle = not self._arrived and not self._has_due()
                connection.drain_events(timeout=PULL_SECONDS if is_idle else _MORE_SECONDS)
        return self._due(limit) + self._take(limit)

    def acknowledge(self, receipts: Sequence[str]) -> None:
        """See ``NotificationQueue``."""
        with self._connected():
            for receipt in receipts:
                self._settle(receipt, lambda tag: self._channel.basic_ack(tag))

    def extend(self, receipts: Sequence[str], *, seconds: int) -> None:
        """See ``NotificationQueue``. The broker waits as long as the connection lasts."""

    def retry(self, receipts: Sequence[str], *, seconds: int) -> None:
        """See ``NotificationQueue``. Each time that a message fails, the pause doubles, until it is given up."""
        with self._connected():
            for receipt in receipts:
                if not seconds:
                    self._settle(receipt, lambda tag: self._channel.basic_reject(tag, requeue=True))
                elif receipt in self._unsettled:
                    self._delay(receipt, seconds)

    def ping(self) -> None:
        """See ``NotificationQueue``."""
        with self._connected():
            self._channel.queue_declare(self._queue, passive=True)

    def close(self) -> None:
        """See ``NotificationQueue``."""
        if self._connection is not None:
            with suppress(*_ERRORS):
                self._connection.close()
        self._forget()

    @property
    def held(self) -> int:
        """The number of messages in this process."""
        return len(self._arrived) + len(self._unsettled)

    @property
    def delayed(self) -> int:
        """The number of those that wait for another attempt."""
        return len(self._delayed)

    @contextmanager
    def _connected(self) -> Iterator[amqp.Connection]:
        """Connect where necessary, and forget a connection that breaks, with all that came by it."""
        try:
            if self._connection is None:
                self._connection = open_connection(self._uri)
                self._consume(self._connection)
            yield self._connection
        except _ERRORS as error:
            self._forget()
            raise StorageUnavailable(f"the broker: {type(error).__name__}") from error

    def _consume(self, connection: amqp.Connection) -> None:
        self._epoch += 1
        self._channel = connection.channel()
        limit = {"x-delivery-limit": _DELIVERIES} if self._kind == QUORUM else {}
        arguments = {**kind_of(self._kind), **limit}
        self._channel.queue_declare(self._queue, durable=True, auto_delete=False, arguments=arguments)
        if self._exchange:
            self._channel.exchange_declare(self._exchange, "topic", durable=True, auto_delete=False)
            self._channel.queue_bind(self._queue, self._exchange, "#")
        self._channel.basic_qos(0, PREFETCH, False)  # noqa: FBT003 - the protocol's order
        self._channel.basic_consume(self._queue, callback=self._arrive)

    def _arrive(self, message: Any) -> None:
        receipt = f"{self._epoch}:{message.delivery_tag}"
        body = message.body
        self._arrived.append(
            Pulled(receipt=receipt, message={"body": body.encode() if isinstance(body, str) else body})
        )

    def _take(self, limit: int) -> list[Pulled]:
        taken, self._arrived = self._arrived[:limit], self._arrived[limit:]
        self._unsettled |= {each.receipt: each for each in taken}
        return taken

    def _has_due(self) -> bool:
        return bool(self._delayed) and self._delayed[0][0] <= self._timer()

    def _due(self, limit: int) -> list[Pulled]:
        due: list[Pulled] = []
        while len(due) < limit and self._has_due():
            due.append(self._unsettled[heapq.heappop(self._delayed)[1]])
        return due

    def _delay(self, receipt: str, seconds: int) -> None:
        failures = self._failures[receipt] = self._failures.get(receipt, 0) + 1
        if failures >= ATTEMPTS:
            logger.error("notification given up", extra={"queue": self._queue, "attempts": failures})
            self._settle(receipt, lambda tag: self._channel.basic_reject(tag, requeue=False))
            return
        pause = min(LONGEST_PAUSE_SECONDS, seconds * 2 ** (failures - 1))
        heapq.heappush(self._delayed, (self._timer() + pause, receipt))

    def _settle(self, receipt: str, settle: Callable[[int], None]) -> None:
        if self._unsettled.pop(receipt, None) is not None:
            self._failures.pop(receipt, None)
            settle(int(receipt.partition(":")[2]))

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.collect()
        self._connection = self._channel = None
        self._arrived, self._unsettled, self._failures, self._delayed = [], {}, {}, []
