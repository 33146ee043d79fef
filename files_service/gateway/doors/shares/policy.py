"""``/api/share-policy``: the policy of a tenant, by default of the caller's own."""

from __future__ import annotations

from aiohttp import web

from files_service.gateway.auth.callers import caller_of
from files_service.gateway.doors.shares.links import body_of
from files_service.gateway.replies import bad_field, json_reply
from files_service.gateway.state import gateway_of
from storage_adapters import JSON


async def show(request: web.Request) -> web.StreamResponse:
    """Reply with the policy."""
    gateway = gateway_of(request)
    return json_reply(await gateway.calls.run(gateway.invoke, "shares.policy", _params(request)))


async def change(request: web.Request) -> web.StreamResponse:
    """Change the policy: the body has the rules to set."""
    gateway, params = gateway_of(request), _params(request)
    changes = await body_of(request, caller_of(request))
    return json_reply(await gateway.calls.run(gateway.invoke, "shares.set_policy", {**params, "changes": changes}))


def _params(request: web.Request) -> JSON:
    for name in request.query:
        if name != "tenant":
            raise bad_field(name[:100], "Unknown parameter.")
    return {"tenant": request.query.get("tenant"), "actor": caller_of(request).actor}
