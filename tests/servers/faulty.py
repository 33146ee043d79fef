"""A proxy between a store and its HTTP server that does to chosen requests what networks and proxies do."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

FAULTS = (
    "reset before",  # the connection breaks, and the server never saw the request
    "full",  # the server's disk is: it refuses what it is asked for
    "reset after",  # the server did what was asked, the answer is lost
    "cut answer",  # the answer ends half way
    "cut body",  # the same, behind its own headers
    "bad gateway",  # an error page of HTML without a type
    "slow down",  # an S3 server has too much to do
    "long error",  # an error whose text is longer than the client reads at once
    "chunked error",  # an error in chunks
    "list error",  # an error whose JSON is no object
    "no way",  # a proxy's own 404: it says nothing about documents
    "redirect",
    "not http",
)

_REFUSAL = b'{"error":"enospc","reason":"no space left on device"}'
_JSON = b"Content-Type: application/json\r\n"
_FULL = b"HTTP/1.1 507 Insufficient Storage\r\n" + _JSON + b"Content-Length: %d\r\n\r\n%b" % (len(_REFUSAL), _REFUSAL)
# Said with each answer after which the proxy closes: a client that is not told may ask the next on a connection that
# closes meanwhile, and meets a fault that nobody asked for.
_CLOSE = b"Connection: close\r\n"


class FaultyProxy:
    """Forwards to a port; faults meet the n-th request from now, counted from 1, or all of a kind."""

    def __init__(self, port: int) -> None:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(self) -> None:
                proxy._handle(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        class Listener(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Clients that go away are what this is about."""

        self._backend = port
        self._lock = threading.Lock()
        self._countdown = 0
        self._fault = ""
        self._always: dict[str, str] = {}
        # What a cluster says in other words: the path that is asked for, and the status and content of the answer.
        self.ask: Callable[[str], str] = lambda path: path
        self.tell: Callable[[str, str, bytes, int, bytes], tuple[int, bytes]] = lambda command, path, body, *said: said
        self.requests = 0
        self._listener = Listener(("127.0.0.1", 0), Handler)
        self.port = self._listener.server_address[1]
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()

    def fail(self, number: int, fault: str) -> None:
        """Do this to the n-th request from now, and nothing to the others."""
        with self._lock:
            self.requests = 0
            self._countdown, self._fault = number, fault

    def fail_all(self, kind: str, fault: str) -> None:
        """Do this to every request whose method and path have this in them, until ``heal``."""
        with self._lock:
            self._always[kind] = fault

    def heal(self) -> None:
        """Do nothing to any request."""
        with self._lock:
            self._countdown, self._fault = 0, ""
            self._always.clear()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self.requests += 1
            fault = self._fault if self.requests == self._countdown else ""
            line = f"{handler.command} {handler.path}"
            fault = fault or next((each for kind, each in self._always.items() if kind in line), "")
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        if fault == "reset before":
            _reset(handler)
            return
        if fault == "full":
            handler.wfile.write(_FULL)
            return
        connection = http.client.HTTPConnection("127.0.0.1", self._backend, timeout=60)
        try:
            connection.request(handler.command, self.ask(handler.path), body, dict(handler.headers))
            answer = connection.getresponse()
            status, content = self.tell(handler.command, handler.path, body, answer.status, answer.read())
        finally:
            connection.close()
        if fault == "reset after":
            _reset(handler)
        elif fault and fault != "cut body":
            handler.wfile.write(_spoilt(fault, content))
            handler.close_connection = True
        else:
            handler.send_response_only(status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                    handler.send_header(name, value)
            length = answer.getheader("Content-Length") if handler.command == "HEAD" else None
            handler.send_header("Content-Length", length or str(len(content)))
            if fault:
                handler.send_header("Connection", "close")
            handler.end_headers()
            end = len(content) // 2 if fault else len(content)
            handler.wfile.write(b"" if handler.command == "HEAD" else content[:end])


def _spoilt(fault: str, content: bytes) -> bytes:
    status = b"HTTP/1.1 503 Trouble\r\n" + _CLOSE
    if fault == "cut answer":
        head = b"HTTP/1.1 200 OK\r\n" + _CLOSE
        return head + b"Content-Length: %d\r\n\r\n" % (len(content) + 10) + content[: len(content) // 2]
    if fault == "bad gateway":
        return b"HTTP/1.1 502 Bad Gateway\r\n" + _CLOSE + b"Content-Length: 15\r\n\r\n<h1>Trouble</h1"
    if fault == "slow down":
        text = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
        return status + b"Content-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % len(text) + text
    if fault == "long error":
        text = b'{"error":"trouble","reason":"%s"}' % (b"x" * 20_000)
        return status + _JSON + b"Content-Length: %d\r\n\r\n" % len(text) + text
    if fault == "chunked error":
        text = b'{"error":"trouble","reason":"many"}'
        return status + _JSON + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(text), text)
    if fault == "list error":
        return status + _JSON + b"Content-Length: 2\r\n\r\n[]"
    if fault == "no way":
        head = b"HTTP/1.1 404 Not Found\r\n" + _CLOSE + b"Content-Type: text/html\r\n"
        return head + b"Content-Length: 15\r\n\r\n<h1>Nothing</h1"
    if fault == "redirect":
        return b"HTTP/1.1 301 Moved\r\n" + _CLOSE + b"Location: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    return b"220 mail.example ready\r\n"


def _reset(handler: BaseHTTPRequestHandler) -> None:
    """End the connection by RST."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()
