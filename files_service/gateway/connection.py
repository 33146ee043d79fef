"""One connection: heads are bounded, invalid HTTP is answered in the error envelope, a WebSocket can be paused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong

from files_service.errors import BadRequest, FilesError, InternalError
from files_service.gateway.connections import Connections
from files_service.gateway.heads import BoundedParser
from files_service.gateway.limits import KIB, Limits
from files_service.gateway.middleware import REQUEST_ID, SERVER
from files_service.gateway.peers import host_of
from files_service.gateway.replies import error_body
from files_service.runtime.logs import accepted_request_id, request_id

logger = logging.getLogger(__name__)


# Reads up to so many frames of the bytes; returns the numbers of bytes and of frames that it has read.
Listener = Callable[[bytes, int], tuple[int, int]]
_PAUSE_SECONDS = 0.02
# Frames in a turn of the loop.
_FRAMES_AT_ONCE = 32
# What aiohttp's parser says without repeating bytes of the request.
_TOO_MANY, _FIXED = "Too many headers received", ("Duplicate '", "Missing 'Host'")


class PacedParser:
    """The parser of a WebSocket, with a listener that gets all bytes before it, and a bounded rate of frames.

    Each frame costs the loop time, however small it is: a connection with too many is not read for a while.
    """

    def __init__(self, parser: Any, listener: Listener, connection: Connection) -> None:
        self._parser, self._listener, self._connection = parser, listener, connection
        self._rest = b""
        self._waiting: asyncio.TimerHandle | None = None
        self._allowed = connection.frames_per_second
        self._since = asyncio.get_running_loop().time()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Parse bytes."""
        self._rest += data
        return (False, b"") if self._waiting is not None else self._parse()

    def feed_eof(self) -> None:
        """Parse the end of the bytes."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._parser.feed_eof()

    def _parse(self) -> tuple[bool, bytes]:
        loop, rate = asyncio.get_running_loop(), self._connection.frames_per_second
        now = loop.time()
        self._allowed = min(rate, self._allowed + (now - self._since) * rate)
        self._since = now
        length, frames = self._listener(self._rest, min(int(self._allowed), _FRAMES_AT_ONCE))
        self._allowed -= frames
        piece, self._rest = self._rest[:length], self._rest[length:]
        answer: tuple[bool, bytes] = self._parser.feed_data(piece) if piece else (False, b"")
        if self._rest and not answer[0]:
            self._connection.let_wait(self)
            self._waiting = loop.call_later(_PAUSE_SECONDS, self._continue)
        return answer

    def _continue(self) -> None:
        self._waiting = None
        ended, _ = self._parse()
        if ended:
            self._connection.close()
        elif self._waiting is None:
            self._connection.go_on(self)


class Connection(web.RequestHandler):
    """A connection with protocol errors in the error envelope and a listener for the bytes of its WebSocket.

    Set ``listener`` before the answer to the handshake.
    """

    listener: Listener | None = None
    # The most frames in a second, while it is unknown who sends them.
    frames_of_stranger: int | None = None
    _seems_alive: Callable[[], None] | None = None
    _deadline: asyncio.TimerHandle | None = None
    # The body of a request that was answered before it was read.
    _unread: StreamReader | None = None

    def __init__(self, manager: web.Server, connections: Connections, limits: Limits, **options: Any) -> None:
        super().__init__(manager, **options)
        self._connections, self._limits = connections, limits
        self._head = BoundedParser(self._parser, limits.head_bytes)
        # It has the same calls.
        self._parser = cast("Any", self._head)
        # Those that keep the connection from being read.
        self._pauses: set[object] = set()

    @property
    def idle(self) -> bool:
        """State of the connection: True while no request is complete and none is answered."""
        return self._waiter is not None and not self._messages and self._payload_parser is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve the connection, unless its peer has too many."""
        if not self._connections.add(self, host_of(transport)):
            self._manager = None
            self._force_close = True
            transport.close()
            return
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give the place back."""
        self._connections.remove(self)
        self._end_deadline()
        if self._payload_parser is not None:
            self._connections.websockets -= 1
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read; a head must be complete soon after its first byte."""
        super().data_received(data)
        if self._unread is not None and not self._unread.is_eof():
            # What is thrown away must not take the loop from others.
            self.let_wait(self._unread)
            self._loop.call_later(_PAUSE_SECONDS, self.go_on, self._unread)
        if not self._head.begun or self._upgraded:
            if data:
                self._connections.used(self)
            self._end_deadline()
        elif self._deadline is None and self.transport is not None:
            self._deadline = self._loop.call_later(self._limits.head_seconds, self.force_close)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Finish an answer; the rest of the body is read slowly, so that the client finds the answer behind it."""
        answered = await super().finish_response(request, resp, start_time)
        self._unread = None if request.content.is_eof() else request.content
        return answered

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def set_parser(self, parser: Any, data_received_cb: Callable[[], None] | None = None) -> None:
        """Start to read a WebSocket."""
        self._seems_alive = data_received_cb
        self._connections.websockets += 1
        heard: Any = parser if self.listener is None else PacedParser(parser, self.listener, self)
        super().set_parser(heard, data_received_cb)

    @property
    def frames_per_second(self) -> float:
        """Rate of frames that may come: all WebSockets share one."""
        limits = self._limits
        most = self.frames_of_stranger or limits.websocket_frames
        return min(most, max(1, limits.all_websocket_frames / max(1, self._connections.websockets)))

    @property
    def reads(self) -> bool:
        """State of reading: True while the connection is read."""
        return not self._pauses and not self._reading_paused

    def let_wait(self, reason: object) -> None:
        """Pause reading, also for other readers, until ``go_on`` for the same reason."""
        self._pauses.add(reason)
        if self.transport is not None:
            self.transport.pause_reading()

    def go_on(self, reason: object) -> None:
        """Resume reading, unless it is paused for another reason or by another reader."""
        self._pauses.discard(reason)
        if self.transport is not None and self.reads:
            self.transport.resume_reading()

    def excuse(self) -> None:
        """Extend the time for the answer to a ping, which cannot be read now."""
        if self._seems_alive is not None:
            self._seems_alive()

    def resume_reading(self, *args: Any, **options: Any) -> None:
        """See ``RequestHandler``."""
        super().resume_reading(*args, **options)
        if self._pauses and self.transport is not None:
            self.transport.pause_reading()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer invalid HTTP, or an error outside of the middleware."""
        if isinstance(exc, ConnectionError) or request.writer.output_size > 0:
            # The peer is gone, or part of an answer is out.
            raise ConnectionResetError("the connection is not usable any more") from exc
        error: FilesError
        if status < 500:
            status, error = _invalid(status, exc, self._limits)
        else:
            logger.error("request failed outside of all handlers", exc_info=exc)
            error = InternalError("the gateway failed; its log has the details under the request id")
        token = request_id.set(accepted_request_id(None))
        try:
            headers = {"Server": SERVER, REQUEST_ID: request_id.get(), "X-Content-Type-Options": "nosniff"}
            body = error_body(error)
        finally:
            request_id.reset(token)
        response = web.Response(status=status, body=body, content_type="application/json", headers=headers)
        response.force_close()
        return response


def _invalid(status: int, error: BaseException | None, limits: Limits) -> tuple[int, FilesError]:
    """Return the answer to what the parser refuses: its own words may have bytes of the request."""
    words = error.message if isinstance(error, BadHttpMessage) else ""
    field, told = "request", "Not valid HTTP."
    if isinstance(error, LineTooLong) or words == _TOO_MANY:
        lines, head = limits.header_bytes // KIB, limits.head_bytes // KIB
        told = f"At most {limits.headers} headers, of {lines} KiB each, and {head} KiB with the request line."
        status, field = 431, "headers"
    elif words.startswith(_FIXED):
        told = words
    return status, BadRequest(f"{field}: {told}", {"fields": {field: [told]}})
