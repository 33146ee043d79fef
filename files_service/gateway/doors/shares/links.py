"""``/api/shares``: the calls of shares.* for an owner, who is the caller unless a trusted system names one."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from files_service.gateway.auth.callers import caller_of
from files_service.gateway.calls import body_of, of_caller, queried
from files_service.gateway.replies import json_reply
from files_service.gateway.state import gateway_of
from storage_adapters import JSON


async def create(request: web.Request) -> web.StreamResponse:
    """Make a share."""
    body = await body_of(request)
    params = of_caller(request, body)
    return json_reply(await _call(request, "shares.create", params, hashes=bool(body.get("password"))), 201)


async def list_shares(request: web.Request) -> web.StreamResponse:
    """Reply with a page of shares."""
    return json_reply(await _call(request, "shares.list", queried(request, "owner", "cursor", most=100)))


async def info(request: web.Request) -> web.StreamResponse:
    """Reply with a share."""
    return json_reply(await _call(request, "shares.info", _named(request)))


async def events(request: web.Request) -> web.StreamResponse:
    """Reply with what visitors did lately."""
    return json_reply(await _call(request, "shares.events", _named(request)))


async def update(request: web.Request) -> web.StreamResponse:
    """Change a share: the body has the fields to set."""
    changes = await body_of(request)
    params = {**_named(request), "changes": changes}
    return json_reply(await _call(request, "shares.update", params, hashes=bool(changes.get("password"))))


async def revoke(request: web.Request) -> web.StreamResponse:
    """Revoke a share."""
    return json_reply(await _call(request, "shares.revoke", _named(request)))


async def _call(request: web.Request, method: str, params: dict[str, Any], *, hashes: bool = False) -> JSON:
    gateway = gateway_of(request)
    # A password is hashed in the threads of sign-ins: other calls must not wait with it.
    return await (gateway.sign_ins if hashes else gateway.calls).run(gateway.invoke, method, params)


def _named(request: web.Request) -> JSON:
    return {"share_id": request.match_info["share_id"], "actor": caller_of(request).actor}
