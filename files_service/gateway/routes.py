"""Doors: sub-applications of the gateway, each declared by one object with the table of its routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web
from aiohttp.web_urldispatcher import AbstractRuleMatching, MatchedSubAppResource

from files_service.domain.scopes import DELETE, READ, WRITE
from files_service.errors import MethodNotAllowed, NotFound
from files_service.gateway.auth.callers import AUTHENTICATE, Authenticate, nobody
from files_service.gateway.auth.people import identity_of, require_scope, with_identity
from files_service.gateway.auth.sessions import vary_by_cookie
from files_service.gateway.cors import CORS, METHODS, Cors
from files_service.gateway.middleware import Check, ErrorForm, Handler, answering_errors, within_limits
from files_service.gateway.replies import HTTPError, error_reply
from files_service.gateway.state import Gateway
from storage_adapters import JSON

Match = Callable[[web.Request], bool]
# A scope, or a function of the request that returns one.
Scope = str | Callable[[web.Request], str]
_SCOPES = {"GET": READ, "HEAD": READ, "DELETE": DELETE}


@dataclass(frozen=True, slots=True)
class Route:
    """A row of a door's table: a method of an address, its handler, and its description in OpenAPI.

    A row for GET answers HEAD, too. Parameters of the path that are not described are text; ``errors`` and ``tag``
    default to those of the door. ``scope`` is what an API key needs, by default that of the method.
    """

    method: str
    path: str
    handler: Handler
    name: str
    summary: str
    replies: Mapping[int, JSON]
    parameters: Sequence[JSON] = ()
    body: JSON | None = None
    errors: Sequence[int] | None = None
    tag: str = ""
    scope: Scope = ""

    @property
    def needs(self) -> Scope:
        """The scope that an API key needs."""
        return self.scope or _SCOPES.get(self.method, WRITE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A sub-application of the gateway: requests of one kind, with their own authentication, CORS and errors.

    The first door whose ``match`` accepts a request answers it, unknown addresses included. ``limits`` checks a
    request before its handler runs, ``error_form`` answers what a handler raises, ``headers`` are on every reply. A
    door with ``sessions`` accepts those of the pages. ``state`` is made for each application and closed by ``close``.
    ``tag``, ``errors`` and ``error_types`` describe the routes; ``described`` are the rows to describe instead of
    ``routes``.
    """

    name: str
    match: Match
    routes: Sequence[Route]
    authenticate: Authenticate = nobody
    cors: Cors | None = None
    error_form: ErrorForm = error_reply
    limits: Check = within_limits
    headers: Mapping[str, str] = field(default_factory=dict)
    sessions: bool = False
    state: Mapping[web.AppKey[Any], Callable[[Gateway], Any]] = field(default_factory=dict)
    close: Callable[[web.Application], Awaitable[None]] | None = None
    tag: str = ""
    errors: Sequence[int] = ()
    error_types: Sequence[str] = ("application/json",)
    described: Callable[[], Sequence[Route]] | None = None

    def table(self) -> dict[str, dict[str, Handler]]:
        """Return the handlers by address and method."""
        table: dict[str, dict[str, Handler]] = {}
        for route in self.routes:
            guarded = self.authenticate is not nobody and route.method != "OPTIONS"
            handler = _with_scope(route.handler, route.needs) if guarded else route.handler
            table.setdefault(route.path, {})[route.method] = handler
        return table


def at(*addresses: str) -> Match:
    """Match these addresses, and all below those that end with a slash."""
    exact, above = frozenset(addresses), tuple(each for each in addresses if each.endswith("/") and each != "/")
    return lambda request: request.path in exact or request.path.startswith(above)


def mount(root: web.Application, door: Door, gateway: Gateway) -> None:
    """Add a door to the gateway's application, behind those that were added before."""
    app, table = (
        web.Application(middlewares=[answering_errors(door.error_form, door.limits), with_identity]),
        door.table(),
    )
    app[AUTHENTICATE] = door.authenticate
    headers = dict(door.headers)
    if door.cors is not None:
        app[CORS], app[METHODS] = door.cors, {method for row in table.values() for method in _with_head(row)}
        headers |= door.cors.headers()
    for key, make in door.state.items():
        app[key] = make(gateway)
    for path, handlers in table.items():
        # One route for all methods: the door answers those that are not allowed in its own error form.
        app.router.add_route("*", path, _by_method(_with_head(handlers)), expect_handler=_keep_waiting)
    app.router.add_route("*", "/{path:.*}", _not_found, expect_handler=_keep_waiting)

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(headers)

    app.on_response_prepare.append(add_headers)
    if door.sessions:
        app.on_response_prepare.append(vary_by_cookie)
    if door.close is not None:
        app.on_cleanup.append(door.close)
    # aiohttp has public calls for prefixes and host names alone.
    root._add_subapp(partial(MatchedSubAppResource, _Rule(door), app), app)  # noqa: SLF001


class _Rule(AbstractRuleMatching):
    """The rule by which aiohttp finds the door of a request."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def match(self, request: web.Request) -> bool:
        return self._door.match(request)

    def get_info(self) -> Any:
        return {"door": self._door.name}

    @property
    def canonical(self) -> str:
        return self._door.name


def _with_head(handlers: Mapping[str, Handler]) -> dict[str, Handler]:
    return {"HEAD": handlers["GET"], **handlers} if "GET" in handlers else dict(handlers)


def _with_scope(handler: Handler, scope: Scope) -> Handler:
    """Make a handler refuse API keys without a scope: the one place at which scopes of HTTP requests are enforced."""

    async def with_scope(request: web.Request) -> web.StreamResponse:
        require_scope(identity_of(request), scope if isinstance(scope, str) else scope(request))
        return await handler(request)

    return with_scope


def _by_method(handlers: Mapping[str, Handler]) -> Handler:
    allowed = sorted(handlers)

    async def dispatch(request: web.Request) -> web.StreamResponse:
        handler = handlers.get(request.method)
        if handler is None:
            error = MethodNotAllowed(f"this address takes {', '.join(allowed)}", {"allowed": allowed})
            raise HTTPError(error, headers={"Allow": ", ".join(allowed)})
        return await handler(request)

    return dispatch


async def _not_found(request: web.Request) -> web.StreamResponse:
    raise NotFound("there is nothing at this address", {"path": request.path[:300]})


async def _keep_waiting(request: web.Request) -> None:
    """Leave ``Expect: 100-continue`` to the handler, which decides whether it wants the body."""
