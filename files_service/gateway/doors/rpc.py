"""``POST /rpc/<method>``: the method table over HTTP."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from aiohttp import web

from files_service.api import METHODS
from files_service.errors import Forbidden, NotFound
from files_service.gateway.auth.bearer import Caller, identify
from files_service.gateway.limits import Limits
from files_service.gateway.replies import json_bytes, reply_of_bytes
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.transfer.body import parse_object, read_small, require_json
from storage_adapters import JSON


async def call(request: web.Request) -> web.StreamResponse:
    """Answer one call."""
    gateway = gateway_of(request)
    caller = identify(request.headers.get("Authorization"), gateway.core.settings)
    name = request.match_info["method"]
    if name not in METHODS:
        raise NotFound("there is no such method", {"method": name[:100]})
    require_json(request)
    with gateway.call_places.take():
        body = await read_small(request, gateway.limits)
        return reply_of_bytes(await gateway.calls.run(answer, gateway, name, body, caller))


def answer(gateway: Gateway, name: str, body: bytes, caller: Caller) -> bytes:
    """Parse, call, encode; runs in a thread."""
    params = params_of(body, caller, gateway.limits)
    with gateway.long_calls.take() if reads_bytes(name, params) else nullcontext():
        return json_bytes({"result": invoke(gateway, name, params)})


def reads_bytes(name: str, params: dict[str, Any]) -> bool:
    """Whether the call may read whole files before it answers."""
    return name in ("files.process", "files.sync") or (name == "files.finish" and params.get("wait") is True)


def invoke(gateway: Gateway, name: str, params: dict[str, Any]) -> JSON:
    """Call an action and count how it ended."""
    with gateway.metrics.counting(name):
        return METHODS[name](params, gateway.core)


def params_of(body: bytes, caller: Caller, limits: Limits) -> dict[str, Any]:
    """The parameters of a call, with the actor that the caller is bound to. Raises Forbidden for another one."""
    params = parse_object(body, limits)
    if caller.actor is not None:
        if params.get("actor", caller.actor) != caller.actor:
            message = "The token is another actor's."
            raise Forbidden(f"actor: {message}", {"fields": {"actor": [message]}})
        params["actor"] = caller.actor
    return params
