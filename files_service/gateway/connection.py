"""One connection: what is not HTTP is answered in our envelope, and a WebSocket can be let wait."""

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


class Overheard:
    """The parser of a WebSocket, and somebody who is told of all bytes before it."""

    def __init__(self, parser: Any, listener: Callable[[bytes], None]) -> None:
        self._parser, self._listener = parser, listener

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take bytes."""
        self._listener(data)
        answer: tuple[bool, bytes] = self._parser.feed_data(data)
        return answer

    def feed_eof(self) -> None:
        """There are no more."""
        self._parser.feed_eof()


class Connection(web.RequestHandler):
    """A connection whose protocol errors are answered in our envelope, and whose WebSocket can be listened to.

    ``listener`` is to be there before the handshake is answered.
    """

    listener: Callable[[bytes], None] | None = None
    _seems_alive: Callable[[], None] | None = None
    _waits = False

    def set_parser(self, parser: Any, data_received_cb: Callable[[], None] | None = None) -> None:
        """Begin to read a WebSocket."""
        self._seems_alive = data_received_cb
        heard: Any = parser if self.listener is None else Overheard(parser, self.listener)
        super().set_parser(heard, data_received_cb)

    @property
    def reads(self) -> bool:
        """Whether what the peer sends is read now."""
        return not self._waits and not self._reading_paused

    def let_wait(self) -> None:
        """Read nothing, whoever else would, until ``go_on``."""
        self._waits = True
        if self.transport is not None:
            self.transport.pause_reading()

    def go_on(self) -> None:
        """Read, unless somebody else has stopped that."""
        self._waits = False
        if self.transport is not None and not self._reading_paused:
            self.transport.resume_reading()

    def excuse(self) -> None:
        """Expect no answer to a ping for now: nobody listens to it."""
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
        """Answer a request that is not HTTP, or that failed where no middleware was."""
        if isinstance(exc, ConnectionError) or request.writer.output_size > 0:
            # Nobody is there any more, or half an answer is out.
            raise ConnectionResetError("the connection is of no use any more") from exc
        error: FilesError
        if status < 500:
            error = BadRequest("not a valid HTTP request", {"fields": {"request": ["Not valid HTTP, or too large."]}})
        else:
            logger.error("request failed outside of all handlers", exc_info=exc)
            error = InternalError("the gateway failed; its log has the particulars under the request id")
        token = request_id.set(accepted_request_id(None))
        try:
            headers = {"Server": SERVER, REQUEST_ID: request_id.get(), "X-Content-Type-Options": "nosniff"}
            body = error_body(error)
        finally:
            request_id.reset(token)
        response = web.Response(status=status, body=body, content_type="application/json", headers=headers)
        response.force_close()
        return response
