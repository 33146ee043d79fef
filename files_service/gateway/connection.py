"""One connection: invalid HTTP is answered in the error envelope, and reading of a WebSocket can be paused."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from aiohttp import web

from files_service.errors import BadRequest, FilesError, InternalError
from files_service.gateway.middleware import REQUEST_ID, SERVER
from files_service.gateway.replies import error_body
from files_service.runtime.logs import accepted_request_id, request_id

logger = logging.getLogger(__name__)


class ObservedParser:
    """The parser of a WebSocket, with a listener that gets all bytes before it."""

    def __init__(self, parser: Any, listener: Callable[[bytes], None]) -> None:
        self._parser, self._listener = parser, listener

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Parse bytes."""
        self._listener(data)
        answer: tuple[bool, bytes] = self._parser.feed_data(data)
        return answer

    def feed_eof(self) -> None:
        """Parse the end of the bytes."""
        self._parser.feed_eof()


class Connection(web.RequestHandler):
    """A connection with protocol errors in the error envelope and a listener for the bytes of its WebSocket.

    Set ``listener`` before the answer to the handshake.
    """

    listener: Callable[[bytes], None] | None = None
    _seems_alive: Callable[[], None] | None = None
    _waits = False

    def set_parser(self, parser: Any, data_received_cb: Callable[[], None] | None = None) -> None:
        """Start to read a WebSocket."""
        self._seems_alive = data_received_cb
        heard: Any = parser if self.listener is None else ObservedParser(parser, self.listener)
        super().set_parser(heard, data_received_cb)

    @property
    def reads(self) -> bool:
        """State of reading: True while the connection is read."""
        return not self._waits and not self._reading_paused

    def let_wait(self) -> None:
        """Pause reading, also for other readers, until ``go_on``."""
        self._waits = True
        if self.transport is not None:
            self.transport.pause_reading()

    def go_on(self) -> None:
        """Resume reading, unless another reader has paused it."""
        self._waits = False
        if self.transport is not None and not self._reading_paused:
            self.transport.resume_reading()

    def excuse(self) -> None:
        """Extend the time for the answer to a ping, which cannot be read now."""
        if self._seems_alive is not None:
            self._seems_alive()

    def resume_reading(self, *args: Any, **options: Any) -> None:
        """See ``RequestHandler``."""
        super().resume_reading(*args, **options)
        if self._waits:
            self.let_wait()

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
            error = BadRequest("not a valid HTTP request", {"fields": {"request": ["Not valid HTTP, or too large."]}})
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
