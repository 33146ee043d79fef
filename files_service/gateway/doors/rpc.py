"""The RPC door: ``POST /rpc/<method>``, the method table over HTTP."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from aiohttp import web

from files_service.api import METHODS
from files_service.errors import Forbidden, NotFound
from files_service.gateway.auth.bearer import Caller
from files_service.gateway.auth.callers import by_bearer, caller_of
from files_service.gateway.limits import Limiter, Limits
from files_service.gateway.openapi import Described, Operation, json_body, reply, schema_of
from files_service.gateway.replies import json_bytes, reply_of_bytes
from files_service.gateway.routes import Door, Route, at
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.transfer.body import parse_object, read_small, require_json

CALLS = web.AppKey("calls", Limiter)
LONG_CALLS = web.AppKey("long_calls", Limiter)
_ERRORS = (400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 417, 422, 500, 501, 503)


async def call(request: web.Request) -> web.StreamResponse:
    """Answer one call."""
    gateway = gateway_of(request)
    caller = caller_of(request)
    name = request.match_info["method"]
    if name not in METHODS:
        raise NotFound("there is no such method", {"method": name[:100]})
    require_json(request)
    with request.config_dict[CALLS].take():
        body = await read_small(request, gateway.limits)
        long_calls = request.config_dict[LONG_CALLS]
        return reply_of_bytes(await gateway.calls.run(answer, gateway, long_calls, name, body, caller))


def answer(gateway: Gateway, long_calls: Limiter, name: str, body: bytes, caller: Caller) -> bytes:
    """Parse the parameters, call the method and encode its result; runs in a thread."""
    params = params_of(body, caller, gateway.limits)
    with long_calls.take() if reads_bytes(name, params) else nullcontext():
        return json_bytes({"result": gateway.invoke(name, params)})


def reads_bytes(name: str, params: dict[str, Any]) -> bool:
    """Return True for a call that may read whole files before it answers."""
    return name in ("files.process", "files.sync") or (name == "files.finish" and params.get("wait") is True)


def params_of(body: bytes, caller: Caller, limits: Limits) -> dict[str, Any]:
    """Return the parameters, with the actor that the caller is bound to. Raises Forbidden for another actor."""
    params = parse_object(body, limits)
    if caller.actor is not None:
        if params.get("actor", caller.actor) != caller.actor:
            message = "The token is another actor's."
            raise Forbidden(f"actor: {message}", {"fields": {"actor": [message]}})
        params["actor"] = caller.actor
    return params


def describe_methods() -> list[Described]:
    """Describe the address of each method."""
    result = {"type": "object", "required": ["result"], "properties": {"result": {"type": "object"}}}
    return [
        (
            "POST",
            f"/rpc/{name}",
            Operation(
                name=name,
                summary=method.summary,
                tag="methods",
                secured=True,
                body=json_body(schema_of(name)),
                replies={200: reply("What the method returns.", result)},
                errors=_ERRORS,
            ),
        )
        for name, method in METHODS.items()
    ]


def _set_up(app: web.Application, gateway: Gateway) -> None:
    app[CALLS] = Limiter("calls", gateway.limits.calls)
    app[LONG_CALLS] = Limiter("long calls", gateway.limits.long_calls)


DOOR = Door(
    name="rpc",
    match=at("/rpc/"),
    routes=(Route("POST", "/rpc/{method}", call, operations=describe_methods),),
    authenticate=by_bearer,
    setup=_set_up,
)
