"""Doors: sub-applications of the gateway, each declared by one object with the table of its routes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web
from aiohttp.web_urldispatcher import AbstractRuleMatching, MatchedSubAppResource

from files_service.errors import MethodNotAllowed, NotFound
from files_service.gateway.auth.callers import AUTHENTICATE, Authenticate, nobody
from files_service.gateway.auth.sessions import vary_by_cookie
from files_service.gateway.cors import Cors
from files_service.gateway.middleware import Check, ErrorForm, Handler, answering_errors, within_limits
from files_service.gateway.openapi import Described, Operation
from files_service.gateway.replies import HTTPError, error_reply
from files_service.gateway.state import Gateway
from storage_adapters import JSON

Match = Callable[[web.Request], bool]


async def keep_waiting(request: web.Request) -> None:
    """Leave ``Expect: 100-continue`` to the handler, which decides whether it wants the body."""


@dataclass(frozen=True, slots=True)
class Route:
    """A row of a door's table: a method of an address, its handler and its description.

    A row for GET answers HEAD, too. ``operations`` describes an address that stands for several.
    """

    method: str
    path: str
    handler: Handler
    operation: Operation | None = None
    operations: Callable[[], Sequence[Described]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A sub-application of the gateway: the requests of a kind, with their own authentication, CORS and errors.

    The first door whose ``match`` accepts a request answers it, unknown addresses included. ``limits`` checks a
    request before its handler runs, ``error_form`` answers what a handler raises, ``headers`` are on every reply,
    ``setup`` adds state to the application before it starts. A door with ``sessions`` accepts those of the pages.
    """

    name: str
    match: Match
    routes: Sequence[Route]
    authenticate: Authenticate = nobody
    cors: Cors | None = None
    error_form: ErrorForm = error_reply
    limits: Check = within_limits
    headers: Mapping[str, str] = field(default_factory=dict)
    setup: Callable[[web.Application, Gateway], None] | None = None
    sessions: bool = False

    def table(self) -> dict[str, dict[str, Handler]]:
        """Return the handlers by address and method."""
        table: dict[str, dict[str, Handler]] = {}
        for route in self.routes:
            table.setdefault(route.path, {})[route.method] = route.handler
        return table

    def methods(self) -> set[str]:
        """Return the methods that any of the addresses takes, but OPTIONS."""
        methods = {route.method for route in self.routes} - {"OPTIONS"}
        return methods | ({"HEAD"} if "GET" in methods else set())

    def operations(self) -> Iterator[Described]:
        """Yield the descriptions of all routes."""
        for route in self.routes:
            if route.operations is not None:
                yield from route.operations()
            if route.operation is not None:
                yield route.method, re.sub(r":[^}]+", "", route.path), route.operation


DOOR = web.AppKey("door", Door)


def at(*addresses: str) -> Match:
    """Match these addresses, and all below those that end with a slash."""
    exact, above = frozenset(addresses), tuple(each for each in addresses if each.endswith("/") and each != "/")
    return lambda request: request.path in exact or request.path.startswith(above)


def preflight_route(
    path: str, name: str, tag: str, *, errors: Sequence[int] = (), parameters: Sequence[JSON] = ()
) -> Route:
    """Make the row of an address that answers preflight requests by the CORS table of its door."""
    replies = {204: {"description": "Methods and headers that are allowed."}}
    summary = "Ask what a page of another origin may do."
    operation = Operation(name=name, summary=summary, tag=tag, replies=replies, errors=errors, parameters=parameters)
    return Route("OPTIONS", path, _preflight, operation)


def mount(root: web.Application, door: Door, gateway: Gateway) -> None:
    """Add a door to the gateway's application, behind those that were added before."""
    app = web.Application(middlewares=[answering_errors(door.error_form, door.limits)])
    app[DOOR], app[AUTHENTICATE] = door, door.authenticate
    for path, handlers in door.table().items():
        # One route for all methods: the door answers those that are not allowed in its own error form.
        app.router.add_route("*", path, _by_method(handlers), expect_handler=keep_waiting)
    app.router.add_route("*", "/{path:.*}", _not_found, expect_handler=keep_waiting)
    headers = {**(door.cors.headers() if door.cors is not None else {}), **door.headers}
    if headers:

        async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
            response.headers.update(headers)

        app.on_response_prepare.append(add_headers)
    if door.sessions:
        app.on_response_prepare.append(vary_by_cookie)
    if door.setup is not None:
        door.setup(app, gateway)
    # aiohttp has public calls for prefixes and host names alone.
    root._add_subapp(partial(MatchedSubAppResource, _Rule(door), app), app)  # noqa: SLF001


class _Rule(AbstractRuleMatching):
    """The rule by which aiohttp finds the door of a request."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def match(self, request: web.Request) -> bool:
        """See ``AbstractRuleMatching``."""
        return self._door.match(request)

    def get_info(self) -> dict[str, str]:  # type: ignore[override]
        """See ``AbstractRuleMatching``."""
        return {"door": self._door.name}

    @property
    def canonical(self) -> str:
        """See ``AbstractRuleMatching``."""
        return self._door.name


def _by_method(handlers: Mapping[str, Handler]) -> Handler:
    if "GET" in handlers:
        handlers = {"HEAD": handlers["GET"], **handlers}
    allowed = sorted(handlers)

    async def dispatch(request: web.Request) -> web.StreamResponse:
        handler = handlers.get(request.method)
        if handler is None:
            error = MethodNotAllowed(f"this address takes {', '.join(allowed)}", {"allowed": allowed})
            raise HTTPError(error, headers={"Allow": ", ".join(allowed)})
        return await handler(request)

    return dispatch


async def _preflight(request: web.Request) -> web.StreamResponse:
    door = request.config_dict[DOOR]
    assert door.cors is not None, "an address with a preflight row belongs to a door with a CORS table"
    return door.cors.preflight(request, door.methods())


async def _not_found(request: web.Request) -> web.StreamResponse:
    raise NotFound("there is nothing at this address", {"path": request.path[:300]})
