"""Publisher on nameko's event exchange: ``@event_handler("files", "processed")`` receives the events.

Uses plain blocking AMQP in worker threads; no eventlet.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

import amqp
import orjson
from amqp.basic_message import Message

from files_service.errors import ServiceUnavailable
from files_service.messaging.address import CONNECT_SECONDS, open_connection
from files_service.messaging.events import Event, EventPublisher
from files_service.messaging.rpc.topology import EVENT_EXCHANGE
from storage_adapters import JSON

logger = logging.getLogger(__name__)

EVENT_ID = "files.event_id"
CONFIRM_SECONDS = 10
# A broker that starts again accepts connections before the bindings of its topic exchanges are back (RabbitMQ 3.10),
# and drops events that have receivers. For this long after a break, an event without a receiver is not confirmed.
BINDINGS_SECONDS = 30.0
_PERSISTENT = 2
_ERRORS = (OSError, amqp.AMQPError)


class AmqpPublisher(EventPublisher):
    """A publisher with confirms, over one connection that is opened on demand and replaced when it breaks."""

    def __init__(
        self,
        uri: str,
        *,
        confirm_seconds: float = CONFIRM_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._uri = uri
        self._timer = timer
        self._opened_at, self._has_broken = 0.0, False
        self._connect_seconds = connect_seconds
        self._confirm_seconds = confirm_seconds
        self._lock = threading.Lock()
        self._channel: _ConfirmedChannel | None = None

    def publish(self, event: str, payload: JSON, *, event_id: str) -> None:
        """Publish one event and wait until the broker has it."""
        if not self.publish_all([Event(event, payload, event_id)]):
            raise ServiceUnavailable("the broker does not accept events now")

    def publish_all(self, events: Sequence[Event]) -> int:
        """Send all events, then wait until the broker has them: a wait for each would take most of the time."""
        messages = [(event.name, _message_of(event)) for event in events]
        confirmed = 0
        with self._lock:
            # Twice, since the break of an idle connection is noticed only now.
            for _ in range(2):
                try:
                    if self._channel is None:
                        self._channel = _ConfirmedChannel(self._uri, self._connect_seconds)
                        self._opened_at = self._timer()
                    self._channel.send(messages[confirmed:], self._confirm_seconds, must_arrive=self._is_back_of_late)
                except _NoReceiver as error:
                    logger.info("events have no receiver yet")
                    return confirmed + error.confirmed
                except _ERRORS as error:
                    confirmed += self._channel.confirmed if self._channel is not None else 0
                    self._disconnect()
                    self._has_broken = True
                    logger.info("events were not confirmed", extra={"error": str(error)})
                else:
                    return len(messages)
        return confirmed

    @property
    def _is_back_of_late(self) -> bool:
        return self._has_broken and self._timer() < self._opened_at + BINDINGS_SECONDS

    def _disconnect(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.drop()

    def close(self) -> None:
        """Close the connection; a later event opens a new one."""
        with self._lock:
            if self._channel is not None:
                try:
                    self._channel.close()
                except _ERRORS as error:
                    logger.debug("closing", extra={"error": str(error)})
            self._disconnect()


class _NoReceiver(Exception):
    """An event that the broker has no queue for. ``confirmed`` counts those before it."""

    def __init__(self, confirmed: int) -> None:
        super().__init__(confirmed)
        self.confirmed = confirmed


class _ConfirmedChannel:
    """A connection with one channel, on which many messages await their confirms. ``confirmed`` counts the first ones.

    The broker takes the messages of a channel in their order, but may refuse one and take the next.
    """

    def __init__(self, uri: str, connect_seconds: float) -> None:
        self.confirmed = 0
        self._sent = self._first = 0
        self._waiting: set[int] = set()
        self._refused: set[int] = set()
        self._returned: set[int] = set()
        self._numbers: dict[str, int] = {}
        self._connection = open_connection(uri, connect_timeout=connect_seconds)
        try:
            self._channel = self._connection.channel()
            self._channel.exchange_declare(EVENT_EXCHANGE, "topic", durable=True, auto_delete=False)
            self._channel.confirm_select()
        except BaseException:
            self._connection.collect()
            raise
        self._channel.events["basic_ack"].add(self._on_ack)
        self._channel.events["basic_nack"].add(self._on_nack)
        self._channel.events["basic_return"].add(self._on_return)

    def send(
        self, messages: Sequence[tuple[str, Message]], confirm_seconds: float, *, must_arrive: bool = False
    ) -> None:
        """Send messages and wait for all confirms. Raises OSError or an AMQPError.

        With ``must_arrive``, a message without a receiver is not confirmed. Raises _NoReceiver.
        """
        self.confirmed, self._first = 0, self._sent + 1
        self._refused, self._returned, self._numbers = set(), set(), {}
        try:
            for event, message in messages:
                self._sent += 1
                self._waiting.add(self._sent)
                self._numbers[message.properties["message_id"]] = self._sent
                self._channel.basic_publish(message, exchange=EVENT_EXCHANGE, routing_key=event, mandatory=must_arrive)
            while self._waiting:
                self._connection.drain_events(timeout=confirm_seconds)
        finally:
            failed = self._waiting | self._refused | self._returned
            self.confirmed = min(failed, default=self._sent + 1) - self._first
        if self._returned:
            raise _NoReceiver(self.confirmed)
        if self._refused:
            raise amqp.AMQPError("the broker refused an event")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def drop(self) -> None:
        """Release the connection without a word to the broker."""
        self._connection.collect()

    def _on_ack(self, tag: int, multiple: bool) -> None:  # noqa: FBT001 - the signature of the library
        self._waiting -= {each for each in self._waiting if each <= tag} if multiple else {tag}

    def _on_nack(self, tag: int, multiple: bool) -> None:  # noqa: FBT001 - the signature of the library
        self._refused |= {each for each in self._waiting if each <= tag} if multiple else {tag}
        self._on_ack(tag, multiple)

    def _on_return(self, _error: Exception, _exchange: str, _routing_key: str, message: Message) -> None:
        # The broker returns a message before it confirms it.
        self._returned.add(self._numbers[message.properties["message_id"]])


def _message_of(event: Event) -> Message:
    return Message(
        orjson.dumps(event.payload),
        content_type="application/json",
        content_encoding="utf-8",
        delivery_mode=_PERSISTENT,
        message_id=event.event_id,
        application_headers={EVENT_ID: event.event_id},
    )
