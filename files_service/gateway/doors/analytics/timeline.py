"""``/api/timeline``: files.timeline, about the caller unless it names another owner."""

from __future__ import annotations

from aiohttp import web

from files_service.gateway.auth.callers import caller_of
from files_service.gateway.query import number
from files_service.gateway.replies import bad_field, json_reply
from files_service.gateway.state import gateway_of
from storage_adapters import JSON

_TEXTS = ("owner", "month", "kind", "cursor")


async def timeline(request: web.Request) -> web.StreamResponse:
    """Reply with the months, or with a page of the files of one."""
    gateway, actor = gateway_of(request), caller_of(request).actor
    for name in request.query:
        if name not in (*_TEXTS, "limit"):
            raise bad_field(name[:100], "Unknown parameter.")
    given: JSON = {"actor": actor, "limit": number(request, "limit", 100, 1, 100)}
    given |= {"owner": actor} if actor is not None else {}
    given |= {name: request.query[name] for name in _TEXTS if name in request.query}
    return json_reply(await gateway.calls.run(gateway.invoke, "files.timeline", given))
