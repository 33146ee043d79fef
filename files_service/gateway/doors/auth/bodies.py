"""Bodies of the requests of people."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from files_service.gateway.replies import bad_field
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.body import parse_object, read_small, require_json

# What the door says itself.
_OURS = ("actor", "token", "device", "address")


async def body_of(request: web.Request) -> dict[str, Any]:
    """Return the parameters in the body of a request. Raises HTTPError."""
    require_json(request)
    limits = gateway_of(request).limits
    body = parse_object(await read_small(request, limits, most=limits.user_call_bytes), limits)
    for name in _OURS:
        if name in body:
            raise bad_field(name, "Unknown field.")
    return body
