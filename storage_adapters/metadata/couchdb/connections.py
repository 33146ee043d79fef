"""The connections that python-couchdb works with: bounded, tested before use, closed when anything goes wrong.

The client's own pool grows for ever, hands out connections that the server has closed, and releases one twice after
some errors; its session stumbles over error bodies that are long, chunked or not JSON, and keeps answers by ETag.
Answers that are read whole here, and declared as short and JSON, avoid all of that.
"""

from __future__ import annotations

import os
import select
import threading
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any

import orjson

from storage_adapters.metadata.couchdb.location import Location

MOST_IDLE = 64


class Answer:
    """Complete answer of a server in the form that the client's session expects."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.msg = response.msg
        self._body = response.read()
        if self.status >= 400:
            self._body = _error_body(self._body, f"{self.status} {response.reason}")
            self._set("Content-Type", "application/json")
        del self.msg["ETag"]
        # Anything below the client's limit: longer bodies would be left to be read later.
        self._set("Content-Length", "1" if self._body else "0")

    def read(self, *_: Any) -> bytes:
        """Return the body, on every call."""
        return self._body

    def getheader(self, name: str, default: Any = None) -> Any:
        """Return one header."""
        return self.msg.get(name, default)

    def _set(self, name: str, value: str) -> None:
        del self.msg[name]
        self.msg[name] = value


def _error_body(body: bytes, status: str) -> bytes:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = body[:200].decode(errors="replace")
    if not isinstance(said, dict):
        said = {"error": status, "reason": said}
    return orjson.dumps({"error": said.get("error"), "reason": said.get("reason") or said.get("message")})


class _Reading:
    """Mixin of connections whose answers are read whole."""

    def getresponse(self) -> Any:
        response: HTTPResponse = super().getresponse()  # type: ignore[misc]
        if 300 <= response.status < 400:
            raise OSError(f"the server redirects to {response.getheader('location')}")
        return Answer(response)


class _PlainConnection(_Reading, HTTPConnection):
    pass


class _TlsConnection(_Reading, HTTPSConnection):
    pass


class Connections:
    """Replacement of the client's ``ConnectionPool``: one connection per thread at a time."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._context = location.ssl_context()
        self._lock = threading.Lock()
        self._idle: list[HTTPConnection] = []
        self._mine = threading.local()
        self._closed = False
        self._process = os.getpid()

    def get(self, _url: str) -> HTTPConnection:
        """Lend a connection to this thread."""
        connection = self._alive()
        self._mine.reused = connection is not None
        if connection is None:
            connection = self._connection()
            self._mine.connection = connection
            connection.connect()
        self._mine.connection = connection
        return connection

    def release(self, _url: str, connection: HTTPConnection) -> None:
        """Take a connection back whose answer was read."""
        if getattr(self._mine, "connection", None) is not connection:
            return
        self._mine.connection = None
        with self._lock:
            keep = not self._closed and connection.sock is not None and len(self._idle) < MOST_IDLE
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()

    def abandon(self) -> bool:
        """Close this thread's connection if it was not given back; return True when it had been used before."""
        connection = getattr(self._mine, "connection", None)
        self._mine.connection = None
        if connection is None:
            return False
        connection.close()
        return bool(self._mine.reused)

    def clear(self) -> None:
        """Close all idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Close what is idle now, and whatever is given back later."""
        self._closed = True
        self.clear()

    def _alive(self) -> HTTPConnection | None:
        if self._process != os.getpid():
            # A child shares the sockets of its parent: closing its copies does not disturb the parent's.
            self._process = os.getpid()
            self.clear()
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if _is_quiet(connection):
                return connection
            connection.close()

    def _connection(self) -> HTTPConnection:
        host, port, timeout = self._location.host, self._location.port, self._location.timeout_seconds
        if self._context is not None:
            return _TlsConnection(host, port, timeout=timeout, context=self._context)
        return _PlainConnection(host, port, timeout=timeout)


def _is_quiet(connection: HTTPConnection) -> bool:
    """Return True when nothing has come in: on an idle connection that could only be its end."""
    # Not there once eventlet has patched the module; its ``select`` takes any descriptor.
    poll = getattr(select, "poll", None)
    if poll is None:
        return not select.select([connection.sock], [], [], 0)[0]
    waiting = poll()
    waiting.register(connection.sock, select.POLLIN)
    return not waiting.poll(0)
