"""``/api/analytics``: the calls of analytics.*, about the caller unless it asks for more."""

from __future__ import annotations

from aiohttp import web

from files_service.api.analytics import MOST_DAYS
from files_service.gateway.auth.callers import caller_of
from files_service.gateway.calls import call, require_known
from files_service.gateway.query import flag, number
from files_service.gateway.replies import bad_field, json_reply
from storage_adapters import JSON

_ABOUT = ("owner", "tenant", "all")


async def storage(request: web.Request) -> web.StreamResponse:
    """Reply with used bytes, the quota, and the last days."""
    about = _about(request, "days")
    if "days" in request.query:
        about["days"] = number(request, "days", 30, 1, MOST_DAYS)
    return await _reply(request, "analytics.storage", about)


async def file_types(request: web.Request) -> web.StreamResponse:
    """Reply with files by kind."""
    return await _reply(request, "analytics.file_types", _about(request))


def _about(request: web.Request, *more: str) -> JSON:
    """Return the parameters that say about whom the question is: ``-`` is the default tenant."""
    caller, query = caller_of(request), request.query
    require_known(request, *_ABOUT, *more)
    given: JSON = {name: query[name] for name in ("owner", "tenant") if name in query}
    if given.get("tenant") == "-":
        given["tenant"] = ""
    if flag(request, "all"):
        for name in given:
            raise bad_field(name, "Not beside all.")
    elif not given and caller.actor is not None:
        given["owner"] = caller.actor
    return {**given, "actor": caller.actor}


async def _reply(request: web.Request, method: str, params: JSON) -> web.StreamResponse:
    return json_reply(await call(request, method, params))
