"""``/api/shares``: the calls of shares.* for an owner, who is the caller unless a trusted system names one."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from files_service.gateway.auth.bearer import Caller
from files_service.gateway.auth.callers import caller_of
from files_service.gateway.query import number
from files_service.gateway.replies import bad_field, json_reply
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.body import most_of, parse_object, read_small, require_json
from storage_adapters import JSON

_QUERY = {"owner", "limit", "cursor"}


async def create(request: web.Request) -> web.StreamResponse:
    """Make a share."""
    caller = caller_of(request)
    body = await body_of(request, caller)
    params = {**_owner(caller), **body, "actor": caller.actor}
    return json_reply(await _call(request, "shares.create", params, hashes=bool(body.get("password"))), 201)


async def list_shares(request: web.Request) -> web.StreamResponse:
    """Reply with a page of shares."""
    caller, query = caller_of(request), request.query
    for name in query:
        if name not in _QUERY:
            raise bad_field(name[:100], "Unknown parameter.")
    given: JSON = {name: query[name] for name in ("owner", "cursor") if name in query}
    if "limit" in query:
        given["limit"] = number(request, "limit", 20, 1, 100)
    return json_reply(await _call(request, "shares.list", {**_owner(caller), **given, "actor": caller.actor}))


async def info(request: web.Request) -> web.StreamResponse:
    """Reply with a share."""
    return json_reply(await _call(request, "shares.info", _named(request, caller_of(request))))


async def events(request: web.Request) -> web.StreamResponse:
    """Reply with what visitors did lately."""
    return json_reply(await _call(request, "shares.events", _named(request, caller_of(request))))


async def update(request: web.Request) -> web.StreamResponse:
    """Change a share: the body has the fields to set."""
    caller = caller_of(request)
    changes = await body_of(request, caller)
    params = {**_named(request, caller), "changes": changes}
    return json_reply(await _call(request, "shares.update", params, hashes=bool(changes.get("password"))))


async def revoke(request: web.Request) -> web.StreamResponse:
    """Revoke a share."""
    return json_reply(await _call(request, "shares.revoke", _named(request, caller_of(request))))


async def body_of(request: web.Request, caller: Caller) -> JSON:
    """Read the JSON object of a caller. Raises HTTPError for one that names an actor."""
    require_json(request)
    limits = gateway_of(request).limits
    body = parse_object(await read_small(request, limits, most=most_of(caller, limits)), limits)
    if "actor" in body:
        raise bad_field("actor", "Unknown field.")
    return body


async def _call(request: web.Request, method: str, params: dict[str, Any], *, hashes: bool = False) -> JSON:
    gateway = gateway_of(request)
    # A password is hashed in the threads of sign-ins: other calls must not wait with it.
    return await (gateway.sign_ins if hashes else gateway.calls).run(gateway.invoke, method, params)


def _owner(caller: Caller) -> JSON:
    return {} if caller.actor is None else {"owner": caller.actor}


def _named(request: web.Request, caller: Caller) -> JSON:
    return {"share_id": request.match_info["share_id"], "actor": caller.actor}
