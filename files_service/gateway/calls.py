"""Calls of methods by doors, with what a request says and with its caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from files_service.gateway.auth.callers import caller_of
from files_service.gateway.query import number
from files_service.gateway.replies import bad_field
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.body import most_of, parse_object, read_small, require_json
from storage_adapters import JSON


async def call(request: web.Request, method: str, params: Mapping[str, Any]) -> JSON:
    """Return the result of a method. Raises FilesError."""
    gateway = gateway_of(request)
    return await gateway.calls.run(gateway.invoke, method, dict(params))


def of_caller(request: web.Request, params: Mapping[str, Any]) -> JSON:
    """Return parameters with the actor, who is the owner as well unless they name one."""
    actor = caller_of(request).actor
    return {**({} if actor is None else {"owner": actor}), **params, "actor": actor}


async def body_of(request: web.Request, *barred: str, many: bool = False) -> JSON:
    """Return the parameters in a body of JSON. Raises HTTPError, also for an actor and for barred names.

    With ``many``, an end user may send as much as a trusted system.
    """
    # Strangers are refused before anything is said of what they sent.
    caller, limits = caller_of(request), gateway_of(request).limits
    require_json(request)
    most = most_of(caller, limits, many=many)
    body = parse_object(await read_small(request, limits, most=most), limits)
    for name in ("actor", *barred):
        if name in body:
            raise bad_field(name, "Unknown field.")
    return body


def queried(request: web.Request, *names: str, most: int = 0) -> JSON:
    """Return the parameters in the query as those of the caller; a page has at most ``most`` rows. Raises HTTPError."""
    require_known(request, *names, *(("limit",) if most else ()))
    given: JSON = {name: request.query[name] for name in names if name in request.query}
    if most and "limit" in request.query:
        given["limit"] = number(request, "limit", most, 1, most)
    return of_caller(request, given)


def require_known(request: web.Request, *names: str) -> None:
    """Raise HTTPError for a parameter in the query that has none of these names."""
    for name in request.query:
        if name not in names:
            raise bad_field(name[:100], "Unknown parameter.")
