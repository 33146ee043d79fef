"""Publisher on nameko's event exchange: ``@event_handler("files", "processed")`` receives the events.

Uses plain blocking AMQP in worker threads; no eventlet.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import amqp
import orjson
from amqp.basic_message import Message

from files_service.errors import ServiceUnavailable
from files_service.messaging.address import CONNECT_SECONDS, open_connection
from files_service.messaging.events import EventPublisher
from files_service.messaging.rpc.topology import EVENT_EXCHANGE
from storage_adapters import JSON

logger = logging.getLogger(__name__)

EVENT_ID = "files.event_id"
CONFIRM_SECONDS = 10
_PERSISTENT = 2
_ERRORS = (OSError, amqp.AMQPError)


class AmqpPublisher(EventPublisher):
    """A publisher with confirms, over one connection that is opened on demand and replaced when it breaks."""

    def __init__(
        self, uri: str, *, confirm_seconds: float = CONFIRM_SECONDS, connect_seconds: float = CONNECT_SECONDS
    ) -> None:
        self._uri = uri
        self._connect_seconds = connect_seconds
        self._confirm_seconds = confirm_seconds
        self._lock = threading.Lock()
        self._connection: Any = None
        self._channel: Any = None

    def publish(self, event: str, payload: JSON, *, event_id: str) -> None:
        """Publish one event and wait until the broker has it."""
        message = Message(
            orjson.dumps(payload),
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=_PERSISTENT,
            message_id=event_id,
            application_headers={EVENT_ID: event_id},
        )
        with self._lock:
            try:
                self._publish(event, message)
            except _ERRORS as first:
                # The break of an idle connection is noticed only now.
                logger.info("publishing again over a new connection", extra={"error": str(first)})
                self._disconnect()
                try:
                    self._publish(event, message)
                except _ERRORS as error:
                    self._disconnect()
                    raise ServiceUnavailable("the broker does not accept events now") from error

    def _publish(self, event: str, message: Message) -> None:
        if self._connection is None:
            self._connection = open_connection(self._uri, confirm_publish=True, connect_timeout=self._connect_seconds)
            self._channel = self._connection.channel()
            self._channel.exchange_declare(EVENT_EXCHANGE, "topic", durable=True, auto_delete=False)
        self._channel.basic_publish(
            message, exchange=EVENT_EXCHANGE, routing_key=event, confirm_timeout=self._confirm_seconds
        )

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.collect()

    def close(self) -> None:
        """Close the connection; a later event opens a new one."""
        with self._lock:
            if self._connection is not None:
                try:
                    self._connection.close()
                except _ERRORS as error:
                    logger.debug("closing", extra={"error": str(error)})
            self._disconnect()
