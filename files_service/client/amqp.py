"""Calls over AMQP in nameko's format: a pool of connections, each with one call at a time.

Replies use RabbitMQ's direct reply-to, so no reply queue is left behind. When a connection breaks, the call is sent
again with the same correlation id, and the service recognises it.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import amqp
import orjson
from amqp.basic_message import Message

from files_service import errors
from files_service.client.transport import Call, Transport
from files_service.errors import BadRequest, FilesError, InternalError, ServiceUnavailable, TooLarge
from files_service.messaging.address import CONNECT_SECONDS, open_connection
from files_service.messaging.rpc.codec import CALL_STACK, CONTENT_TYPE, HEADER_PREFIX, REQUEST_ID, RETRY
from files_service.messaging.rpc.frames import MAX_BODY_BYTES
from files_service.messaging.rpc.topology import RPC_EXCHANGE

_DIRECT_REPLY = "amq.rabbitmq.reply-to"
_TRANSIENT = 1
# A connection that was idle for longer must answer within the other time before it is trusted with a call.
IDLE_SECONDS = 5.0
ANSWER_SECONDS = 2.0
_BROKEN = (OSError, amqp.AMQPError)


class AmqpTransport(Transport):
    """A pool of connections, opened on demand."""

    def __init__(self, uri: str, *, pool_size: int) -> None:
        self._uri = uri
        self._free = threading.BoundedSemaphore(pool_size)
        self._idle: list[_Wire] = []
        self._has_answered = False

    def call(self, call: Call) -> Any:
        """Send a call and return its result."""
        try:
            body = orjson.dumps({"args": [], "kwargs": call.params})
        except orjson.JSONEncodeError as error:
            raise BadRequest(f"the parameters are not JSON: {error}") from error
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge("the body is too large", {"field": "body", "limit": MAX_BODY_BYTES})
        correlation_id, reason = str(uuid.uuid4()), ""
        for attempt in call.attempts():
            try:
                with self._wire(call) as wire:
                    reply = wire.exchange(call, body, correlation_id, is_retry=attempt > 0)
            except _BROKEN as error:
                reason = str(error) or type(error).__name__
            except _NoReceiver as error:
                # A broker that starts again knows its queues before it knows what is sent to them.
                if not (attempt or self._has_answered):
                    raise ServiceUnavailable("no Files service has ever connected to this broker") from error
                reason = "the broker has no queue for the call"
            else:
                self._has_answered = True
                return _result(reply)
        raise call.gave_up(reason)

    @contextmanager
    def _wire(self, call: Call) -> Iterator[_Wire]:
        """Lend a connection; a connection that failed is discarded."""
        if not self._free.acquire(timeout=call.remaining_seconds):
            raise call.gave_up("all connections of this client are in use")
        try:
            wire = self._idle_wire() or _Wire(self._uri, call.remaining_seconds)
            try:
                yield wire
            except BaseException:
                wire.abandon()
                raise
            self._idle.append(wire)
        finally:
            self._free.release()

    def _idle_wire(self) -> _Wire | None:
        """Return the connection that was used last, None without one that works."""
        try:
            wire = self._idle.pop()
        except IndexError:
            return None
        if wire.works():
            return wire
        wire.abandon()
        # Whatever broke it has broken those that were idle for longer.
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().abandon()
        return None

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()


class _NoReceiver(Exception):
    """The broker has no queue for a call."""


class _Wire:
    """One connection: sends a request and waits for its reply."""

    def __init__(self, uri: str, seconds: float) -> None:
        self._connection = open_connection(uri, connect_timeout=min(CONNECT_SECONDS, seconds))
        try:
            self._channel = self._connection.channel()
            self._channel.basic_consume(_DIRECT_REPLY, no_ack=True, callback=self._on_reply)
            self._channel.events["basic_return"].add(self._on_return)
        except BaseException:
            self.abandon()
            raise
        self._used_at = time.monotonic()
        self._expected = ""
        self._replies: list[str | bytes] = []

    def exchange(self, call: Call, body: bytes, correlation_id: str, *, is_retry: bool) -> str | bytes:
        """Send a request and wait. Raises ServiceUnavailable on timeout, _NoReceiver, one of _BROKEN on a break."""
        headers: dict[str, Any] = {
            f"{HEADER_PREFIX}{CALL_STACK}": ["files_client"],
            f"{HEADER_PREFIX}{REQUEST_ID}": call.request_id,
        }
        if is_retry:
            headers[RETRY] = 1
        message = Message(
            body,
            content_type=CONTENT_TYPE,
            content_encoding="utf-8",
            delivery_mode=_TRANSIENT,
            correlation_id=correlation_id,
            reply_to=_DIRECT_REPLY,
            application_headers=headers,
        )
        self._expected, self._replies = correlation_id, []
        self._channel.basic_publish(message, exchange=RPC_EXCHANGE, routing_key=call.method, mandatory=True)
        while not self._replies:
            try:
                self._connection.drain_events(timeout=call.remaining_seconds)
            except TimeoutError as error:
                raise call.gave_up("the service is busy or not running") from error
        self._used_at = time.monotonic()
        return self._replies[0]

    def works(self) -> bool:
        """Return False for a connection that was idle and does not answer any more: a NAT or proxy has forgotten it."""
        if time.monotonic() - self._used_at < IDLE_SECONDS:
            return True
        try:
            self._connection.sock.settimeout(ANSWER_SECONDS)
            self._channel.basic_qos(0, 0, a_global=False)
            self._connection.sock.settimeout(self._connection.connect_timeout)
        except _BROKEN:
            return False
        return True

    def _on_reply(self, message: Message) -> None:
        if message.properties.get("correlation_id") == self._expected:
            self._replies.append(message.body)

    def _on_return(self, *_: object) -> None:
        raise _NoReceiver

    def abandon(self) -> None:
        self._connection.collect()

    def close(self) -> None:
        try:
            self._connection.close()
        except _BROKEN:
            self.abandon()


def _result(reply: str | bytes) -> Any:
    answer = orjson.loads(reply)
    error = answer["error"]
    if error is None:
        return answer["result"]
    raise _error(error)


def _error(wire: dict[str, Any]) -> FilesError:
    module, _, name = wire["exc_path"].rpartition(".")
    cls = getattr(errors, name, None) if module == errors.__name__ else None
    if isinstance(cls, type) and issubclass(cls, FilesError):
        return cls(*wire["exc_args"])
    return InternalError(f"{wire['exc_type']}: {wire['value']}")
