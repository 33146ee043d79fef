"""How answers look: JSON, and every error in one envelope, ``{"error": {code, message, details}, "request_id"}``."""

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


class Refused(Exception):
    """A FilesError for which HTTP has a status of its own, or that needs headers."""

    def __init__(self, error: FilesError, status: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.status = status or error.http_status
        self.headers = dict(headers or {})


def bad_field(name: str, message: str, status: int = 400, headers: Mapping[str, str] | None = None) -> Refused:
    """Make the refusal of a request of which one thing is wrong: a header, a query parameter, the body."""
    return Refused(BadRequest(f"{name}: {message}", {"fields": {name: [message]}}), status, headers)


def json_bytes(value: Any) -> bytes:
    """Encode an answer; what JSON has no form for is shown as text."""
    try:
        return orjson.dumps(value, default=str)
    except orjson.JSONEncodeError:
        # A request may be quoted in an error, with bytes that are not UTF-8 or numbers beyond 64 bits.
        return json.dumps(value, default=str).encode()


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with a JSON value."""
    return reply_of_bytes(json_bytes(value), status, headers)


def reply_of_bytes(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with JSON that is encoded already."""
    reply = web.Response(body=body, status=status, content_type="application/json")
    reply.headers.setdefault("Cache-Control", "no-store")
    reply.headers.update(headers or {})
    return reply


def error_body(error: FilesError) -> bytes:
    """The envelope of an error."""
    return json_bytes({"error": error.to_wire(), "request_id": request_id.get()})


def error_reply(refused: Refused) -> web.Response:
    """Answer with an error."""
    return reply_of_bytes(error_body(refused.error), refused.status, refused.headers)
