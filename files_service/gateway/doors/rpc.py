"""The RPC door: ``POST /rpc/<method>``, the method table over HTTP."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from files_service.api import METHODS
from files_service.domain.scopes import scope_of_method
from files_service.errors import Forbidden, NotFound
from files_service.gateway.auth.bearer import Caller
from files_service.gateway.auth.callers import by_bearer, caller_of, holders_of
from files_service.gateway.limits import Limits
from files_service.gateway.openapi import json_body, reply, schema_of
from files_service.gateway.replies import json_bytes, reply_of_bytes
from files_service.gateway.routes import Door, Route, at
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.transfer.body import most_of, parse_object, read_small, require_json
from files_service.runtime.limiter import Limiter

CALLS = web.AppKey("calls", Limiter)
# Methods about so many files that their parameters may be longer than the body of other calls.
_MANY = frozenset({"files.archive", "files.bulk", "files.known", "cards.add"})


async def call(request: web.Request) -> web.StreamResponse:
    """Answer one call."""
    gateway = gateway_of(request)
    caller = caller_of(request)
    name = request.match_info["method"]
    if name not in METHODS:
        raise NotFound("there is no such method", {"method": name[:100]})
    require_json(request)
    with request.config_dict[CALLS].take(*holders_of(request, caller.actor)):
        most = most_of(caller, gateway.limits, many=name in _MANY)
        body = await read_small(request, gateway.limits, most=most)
        return reply_of_bytes(await gateway.calls.run(answer, gateway, name, body, caller))


def answer(gateway: Gateway, name: str, body: bytes, caller: Caller) -> bytes:
    """Parse the parameters, call the method and encode its result; runs in a thread."""
    return json_bytes({"result": gateway.invoke(name, params_of(body, caller, gateway.limits))})


def params_of(body: bytes, caller: Caller, limits: Limits) -> dict[str, Any]:
    """Return the parameters, with the actor that the caller is bound to. Raises Forbidden for another actor."""
    params = parse_object(body, limits)
    if caller.actor is not None:
        if params.get("actor", caller.actor) != caller.actor:
            message = "The token is another actor's."
            raise Forbidden(f"actor: {message}", {"fields": {"actor": [message]}})
        params["actor"] = caller.actor
    return params


def _scope_of(request: web.Request) -> str:
    return scope_of_method(request.match_info["method"])


def _described() -> list[Route]:
    """Return a row for each method."""
    result = {"type": "object", "required": ["result"], "properties": {"result": {"type": "object"}}}
    replies = {200: reply("What the method returns.", result)}
    return [
        Route("POST", f"/rpc/{name}", call, name, method.summary, replies, body=json_body(schema_of(name)))
        for name, method in METHODS.items()
    ]


DOOR = Door(
    name="rpc",
    match=at("/rpc/"),
    routes=(Route("POST", "/rpc/{method}", call, "call", "Call a method.", {}, scope=_scope_of),),
    described=_described,
    authenticate=by_bearer,
    state={CALLS: lambda gateway: Limiter("calls", gateway.limits.calls)},
    tag="methods",
    errors=(400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 417, 422, 429, 500, 501, 503),
)
