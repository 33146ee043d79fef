"""One connection to the broker under eventlet, with one greenlet each for reading, writing and heartbeats.

1. Only this socket is green. Nothing else in the process is patched: threads, locks and clients of stores are native.
2. Writers never wait for the socket: bytes are buffered, and one greenlet sends the buffer. So frames of two replies
   never interleave, and small frames leave together.
3. A reply is sent, then confirmed by the broker, and only then is its request acknowledged: no request is lost before
   its reply is safe.
4. A failed connection stays closed. The broker redelivers unacknowledged requests to the next one.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from typing import Any

import amqp
import eventlet
from amqp import spec
from amqp.method_framing import frame_writer
from eventlet import hubs, patcher
from eventlet.event import Event
from eventlet.green import socket as green_socket
from eventlet.green import ssl as green_ssl

from files_service.messaging.address import connection_options
from files_service.messaging.rpc.frames import (
    HEADER_BYTES,
    Confirm,
    Delivery,
    FrameReader,
    ack_frame,
    publish_frames,
    reject_frame,
    split_frames,
)

CONNECTION_ERRORS = (OSError, amqp.AMQPError, ValueError, ssl.SSLError)
CLOSE_SECONDS = 2
ACKNOWLEDGE_SECONDS = 0.002
RECEIVE_BYTES = 256 * 1024

_transport = patcher.import_patched("amqp.transport", ("socket", green_socket), ("ssl", green_ssl))


class _GreenConnection(amqp.Connection):
    """py-amqp's connection over a green socket, for handshake, declarations and heartbeats."""

    def Transport(self, host: str, connect_timeout: float, *tls: Any, **_: Any) -> Any:  # noqa: N802 - py-amqp's name
        return _transport.Transport(host, connect_timeout=connect_timeout, ssl=tls[0])


class _Outbox:
    """A buffer between py-amqp's frame writer and the transport: passes bytes on at first, collects them later."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.collect: Callable[[bytes], None] | None = None

    def write(self, data: bytes) -> None:
        """Send or buffer the bytes."""
        if self.collect is None:
            self._transport.write(data)
        else:
            self.collect(bytes(data))


class BrokerConnection:
    """A connection with one channel, which consumes one queue and publishes replies."""

    def __init__(self, uri: str, *, heartbeat: int, tls: Any = None, login_method: str | None = None) -> None:
        self._connection, self._outbox = _connect(uri, heartbeat, tls, login_method)
        self.channel = self._connection.channel()
        self.channel.confirm_select()
        self._number = self.channel.channel_id
        self._frame_max = self._connection.frame_max
        self._published = 0
        self._unconfirmed: dict[int, int | None] = {}
        self._settled: Event | None = None
        self._pending = bytearray()
        self._is_flushing = False
        self._is_timed = False
        self._consumer_tag = ""
        self._is_read = False
        self._failure: Exception | None = None
        self.is_open = True

    def consume(self, queue: str, *, prefetch: int) -> None:
        """Start consuming, with at most ``prefetch`` unacknowledged deliveries; ``run`` hands them out."""
        self.channel.basic_qos(0, prefetch, a_global=False)
        self._outbox.collect = self._send
        self._consumer_tag = f"files-{id(self):x}"
        self.channel.basic_consume(queue, consumer_tag=self._consumer_tag, nowait=True, on_cancel=self._on_cancel)

    def run(self, on_delivery: Callable[[Delivery], None]) -> None:
        """Read until the connection is closed. Raises one of CONNECTION_ERRORS unless we closed it.

        A failure that sending, a confirm or a heartbeat noticed first is raised here too: one place reports them all.
        """
        reader: FrameReader = self._connection.on_inbound_frame
        reader.on_delivery = on_delivery
        reader.on_confirm = self._on_confirm
        heart = eventlet.spawn(self._beat)
        self._is_read = True
        try:
            if self.is_open:
                self._read(reader)
        finally:
            self.is_open = self._is_read = False
            self._connection.collect()
            heart.kill()
        if self._failure is not None:
            raise self._failure

    def _read(self, reader: FrameReader) -> None:
        transport = self._connection.transport
        receive, rest = transport.sock.recv, transport._read_buffer  # noqa: SLF001 - what the handshake read too much
        while True:
            frames, rest = split_frames(rest)
            for frame in frames:
                reader(frame)
                if not self.is_open or not self._connection.connected:
                    return
            data = receive(RECEIVE_BYTES)
            if not self.is_open:
                return
            if not data:
                raise ConnectionResetError("the broker closed the connection")
            rest = rest + data if rest else data
            if len(data) == RECEIVE_BYTES:
                eventlet.sleep(0)  # lets other greenlets run between the pieces of a large body

    def _beat(self) -> None:
        if not self._connection.heartbeat:
            return
        while self.is_open:
            eventlet.sleep(min(1, self._connection.heartbeat / 4))
            try:
                self._connection.heartbeat_tick()
            except CONNECTION_ERRORS as error:
                self._fail(error)

    def publish(
        self,
        exchange: str,
        routing_key: str,
        properties: bytes,
        body: bytes,
        *,
        settles: int | None,
        more_to_come: bool = True,
    ) -> None:
        """Publish a reply; once the broker confirms it, acknowledge the delivery with the tag ``settles``, if any.

        Without ``more_to_come`` the bytes are sent now, and the calling greenlet may have to wait.
        """
        if self.is_open:
            self._published += 1
            self._unconfirmed[self._published] = settles
            frames = publish_frames(self._number, exchange, routing_key, properties, body, self._frame_max)
            self._send(frames, now=not more_to_come)

    def has_room_for(self, properties: bytes) -> bool:
        """Return True when these properties fit into a frame: a header, unlike a body, cannot be split."""
        return bool(HEADER_BYTES + len(properties) <= self._frame_max)

    def reject(self, tag: int) -> None:
        """Send a delivery to the dead-letter queue."""
        if self.is_open:
            self._send(reject_frame(self._number, tag))

    def _on_confirm(self, confirm: Confirm) -> None:
        if not confirm.taken:
            self._fail(ConnectionError("the broker rejected a reply"))
            return
        acknowledged = bytearray()
        numbers = (
            [each for each in self._unconfirmed if each <= confirm.number] if confirm.multiple else [confirm.number]
        )
        for number in numbers:
            settled = self._unconfirmed.pop(number)
            if settled is not None:
                acknowledged += ack_frame(self._number, settled)
        self._send_with_the_next(acknowledged)
        if self._settled is not None and not self._unconfirmed:
            self._settled.send()
            self._settled = None

    def _on_cancel(self, _: str) -> None:
        raise amqp.ConsumerCancelled("the queue was deleted", spec.Basic.Cancel)

    def _send(self, data: bytes | bytearray, *, now: bool = False) -> None:
        self._pending += data
        self._connection.bytes_sent += 1
        if self._is_flushing:
            return
        self._is_flushing = True
        if now:
            self._flush()
        else:
            eventlet.spawn_n(self._flush)

    def _send_with_the_next(self, data: bytes | bytearray) -> None:
        """Buffer bytes that can wait: the next reply or a timer sends them."""
        self._pending += data
        self._connection.bytes_sent += 1
        if not self._is_flushing and not self._is_timed:
            self._is_timed = True
            hubs.get_hub().schedule_call_global(ACKNOWLEDGE_SECONDS, self._on_timer)

    def _on_timer(self) -> None:
        self._is_timed = False
        if self._pending:
            self._send(b"")

    def _flush(self) -> None:
        try:
            while self._pending and self.is_open:
                data, self._pending = self._pending, bytearray()
                self._connection.transport.sock.sendall(data)
        except CONNECTION_ERRORS as error:
            self._fail(error)
        except BaseException:
            # A greenlet killed here has sent half a frame.
            self._fail(ConnectionError("sending was broken off"))
            raise
        finally:
            self._is_flushing = False

    def _fail(self, error: Exception) -> None:
        if self.is_open:
            self._failure = error
        self.close()

    def stop_consuming(self) -> None:
        """Stop consuming; deliveries that were received can still be answered."""
        if self.is_open:
            self.channel.basic_cancel(self._consumer_tag, nowait=True)

    def finish(self) -> None:
        """Wait briefly until published replies are confirmed and sent, then close the connection."""
        with eventlet.Timeout(CLOSE_SECONDS, False):  # noqa: FBT003 - eventlet's way to say: raise nothing
            if self.is_open and self._unconfirmed:
                self._settled = Event()
                self._settled.wait()
            while self.is_open and (self._is_flushing or self._pending):
                eventlet.sleep(0)
            if self.is_open:
                self._connection.send_method(spec.Connection.Close, "BsBB", (0, "", 0, 0))
            while self.is_open:
                eventlet.sleep(0.005)
        self.close()

    def close(self) -> None:
        """Close now; safe to call twice."""
        if not self.is_open:
            return
        self.is_open = False
        if self._is_read:
            # The greenlet that waits for the socket wakes up and closes it; closing it here would not wake it.
            with contextlib.suppress(OSError):
                self._connection.transport.sock.shutdown(green_socket.SHUT_RDWR)
        else:
            self._connection.collect()


def _connect(uri: str, heartbeat: int, tls: Any, login_method: str | None) -> tuple[_GreenConnection, _Outbox]:
    outboxes: list[_Outbox] = []

    def writer(connection: Any, transport: Any) -> Any:
        outboxes.append(_Outbox(transport))
        return frame_writer(connection, outboxes[0])

    connection = _GreenConnection(
        **connection_options(uri, tls=tls, login_method=login_method),
        heartbeat=heartbeat,
        frame_handler=FrameReader,
        frame_writer=writer,
    )
    try:
        connection.connect()
    except BaseException:
        connection.collect()
        raise
    return connection, outboxes[0]
