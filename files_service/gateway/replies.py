"""JSON replies, and errors in the envelope ``{"error": {code, message, details}, "request_id"}``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from files_service.errors import BadRequest, FilesError
from files_service.runtime.logs import request_id

# Set on a request whose connection cannot take another one.
CLOSE = web.RequestKey("close", bool)


class HTTPError(Exception):
    """A FilesError with an HTTP status of its own or with headers."""

    def __init__(self, error: FilesError, status: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.status = status or error.http_status
        self.headers = dict(headers or {})


def bad_field(name: str, message: str, status: int = 400, headers: Mapping[str, str] | None = None) -> HTTPError:
    """Make the error for one invalid header, query parameter or body."""
    return HTTPError(BadRequest(f"{name}: {message}", {"fields": {name: [message]}}), status, headers)


def json_bytes(value: Any) -> bytes:
    """Encode a JSON value; types without a JSON form become text."""
    try:
        return orjson.dumps(value, default=str)
    except orjson.JSONEncodeError:
        # An error may repeat a request, with bytes that are not UTF-8 or numbers beyond 64 bits.
        return json.dumps(value, default=str).encode()


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Reply with a JSON value."""
    return reply_of_bytes(json_bytes(value), status, headers)


def reply_of_bytes(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Reply with encoded JSON."""
    reply = web.Response(body=body, status=status, content_type="application/json")
    reply.headers.setdefault("Cache-Control", "no-store")
    reply.headers.update(headers or {})
    return reply


def error_body(error: FilesError) -> bytes:
    """Encode an error in the envelope."""
    return json_bytes({"error": error.to_wire(), "request_id": request_id.get()})


def error_reply(request: web.Request, error: HTTPError) -> web.StreamResponse:
    """Reply with an error in the envelope: the error form of a door that has none of its own."""
    return reply_of_bytes(error_body(error.error), error.status, error.headers)
