"""``/api/share-policy``: the policy of a tenant, by default of the caller's own."""

from __future__ import annotations

from aiohttp import web

from files_service.gateway.auth.callers import caller_of
from files_service.gateway.calls import body_of, call, require_known
from files_service.gateway.replies import json_reply
from storage_adapters import JSON


async def show(request: web.Request) -> web.StreamResponse:
    """Reply with the policy."""
    return json_reply(await call(request, "shares.policy", _params(request)))


async def change(request: web.Request) -> web.StreamResponse:
    """Change the policy: the body has the rules to set."""
    params = _params(request)
    return json_reply(await call(request, "shares.set_policy", {**params, "changes": await body_of(request)}))


def _params(request: web.Request) -> JSON:
    require_known(request, "tenant")
    return {"tenant": request.query.get("tenant"), "actor": caller_of(request).actor}
