"""The calls of notices.* for an owner, who is the caller unless a trusted system names one."""

from __future__ import annotations

from aiohttp import web

from files_service.domain.inbox import KEPT
from files_service.gateway.auth.bearer import Caller
from files_service.gateway.auth.callers import caller_of
from files_service.gateway.query import number
from files_service.gateway.replies import bad_field, json_reply
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.body import most_of, parse_object, read_small, require_json
from storage_adapters import JSON

PER_PAGE = 20


async def list_channels(request: web.Request) -> web.StreamResponse:
    """Reply with the channels of an owner."""
    return json_reply(await _call(request, "notices.channels", _queried(request)))


async def put_channel(request: web.Request) -> web.StreamResponse:
    """Make or change a channel."""
    limits, caller = gateway_of(request).limits, caller_of(request)
    require_json(request)
    body = parse_object(await read_small(request, limits, most=most_of(caller, limits)), limits)
    for name in ("actor", "name"):
        if name in body:
            raise bad_field(name, "Unknown field.")
    given = {**_owner(caller), **body, **_named(request), "actor": caller.actor}
    return json_reply(await _call(request, "notices.set_channel", given))


async def delete_channel(request: web.Request) -> web.StreamResponse:
    """Remove a channel."""
    return json_reply(await _call(request, "notices.remove_channel", {**_queried(request), **_named(request)}))


async def try_channel(request: web.Request) -> web.StreamResponse:
    """Have a test message sent."""
    return json_reply(await _call(request, "notices.test_channel", {**_queried(request), **_named(request)}), 202)


async def list_notices(request: web.Request) -> web.StreamResponse:
    """Reply with a page of the notices of an owner."""
    given = _queried(request, "limit", "cursor")
    given["limit"] = number(request, "limit", PER_PAGE, 1, KEPT)
    return json_reply(await _call(request, "notices.list", given))


async def read_notices(request: web.Request) -> web.StreamResponse:
    """Mark notices as read, all of them where the body names none."""
    limits, caller = gateway_of(request).limits, caller_of(request)
    require_json(request)
    body = parse_object(await read_small(request, limits, most=most_of(caller, limits)), limits)
    if "actor" in body:
        raise bad_field("actor", "Unknown field.")
    return json_reply(await _call(request, "notices.read", {**_owner(caller), **body, "actor": caller.actor}))


def _queried(request: web.Request, *known: str) -> JSON:
    caller = caller_of(request)
    for name in request.query:
        if name not in ("owner", *known):
            raise bad_field(name[:100], "Unknown parameter.")
    return {**_owner(caller), **request.query, "actor": caller.actor}


def _named(request: web.Request) -> JSON:
    return {"name": request.match_info["name"]}


def _owner(caller: Caller) -> JSON:
    return {} if caller.actor is None else {"owner": caller.actor}


async def _call(request: web.Request, method: str, params: JSON) -> JSON:
    gateway = gateway_of(request)
    return await gateway.calls.run(gateway.invoke, method, params)
