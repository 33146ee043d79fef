"""Small request bodies, read whole; and the permission to send a body, given only when it is wanted."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import web
from aiohttp.http_exceptions import PayloadEncodingError

from files_service.domain.editing import depth_of
from files_service.errors import TooLarge, UnsupportedType
from files_service.gateway.auth.bearer import Caller
from files_service.gateway.limits import Limits
from files_service.gateway.replies import HTTPError, bad_field

# Raised for a body that is incomplete or is not HTTP.
BODY_ERRORS = (web.RequestPayloadError, web.PayloadAccessError, PayloadEncodingError, ConnectionError)


async def let_send(request: web.Request) -> None:
    """Answer ``Expect: 100-continue``, so that the client sends the body. Raises HTTPError with 417 for others."""
    expectation = request.headers.get("Expect")
    if expectation is None or request.version < (1, 1):
        return
    if expectation.lower() != "100-continue":
        raise bad_field("Expect", "Only 100-continue is known.", 417)
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # The final response has not begun.
    request.writer.output_size = 0


def require_plain(request: web.Request) -> None:
    """Raise HTTPError with 415 for a compressed body: its size is unknown, and other bytes were signed.

    Raises HTTPError with 400 for a body that says to be the first piece of a whole: it would be taken for the whole.
    """
    if request.headers.get("Upload-Complete", "?1").strip() != "?1":
        raise bad_field("Upload-Complete", "Only whole bodies are taken here: send pieces by tus or WebSocket.")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding != "identity":
        message = "Send the body uncompressed."
        raise HTTPError(UnsupportedType(message, {"fields": {"Content-Encoding": [message]}}))


def require_json(request: web.Request) -> None:
    """Raise HTTPError with 415 unless the content type is JSON."""
    if request.content_type != "application/json" or request.charset not in (None, "utf-8", "UTF-8"):
        message = "Send application/json in UTF-8."
        raise HTTPError(UnsupportedType(message, {"fields": {"Content-Type": [message]}}))
    require_plain(request)


def most_of(caller: Caller, limits: Limits, *, many: bool = False) -> int:
    """Return the most bytes of a caller's body: a trusted system may send more than an end user.

    With ``many``, an end user may send as much: the call is about up to thousands of files.
    """
    return limits.call_bytes if many or caller.actor is None else limits.user_call_bytes


async def read_small(request: web.Request, limits: Limits, *, most: int) -> bytes:
    """Read the whole body. Raises HTTPError when it is too large, too slow or broken."""
    too_large = TooLarge("the body is too large", {"field": "body", "limit": most})
    if (request.content_length or 0) > most:
        raise HTTPError(too_large)
    await let_send(request)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.call_body_seconds):
            while piece := await request.content.readany():
                body += piece
                if len(body) > most:
                    raise HTTPError(too_large)
    except TimeoutError:
        raise bad_field("body", "Arrived too slowly.", 408) from None
    except BODY_ERRORS:
        raise bad_field("body", "Broke off.") from None
    return bytes(body)


def parse_object(body: bytes, limits: Limits) -> dict[str, Any]:
    """Parse a JSON object. Raises HTTPError that names ``body``."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_field("body", f"Not JSON: {error.msg} at character {error.pos}.") from None
    if not isinstance(value, dict):
        raise bad_field("body", "Must be a JSON object.")
    # A value is nested at most as deep as it has opening brackets.
    if body.count(b"[") + body.count(b"{") > limits.json_depth and depth_of(value) > limits.json_depth:
        raise bad_field("body", f"Nested deeper than {limits.json_depth} levels.")
    return value
