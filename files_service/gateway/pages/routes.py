"""The doors of the pages: HTML for owners with a session and for strangers, and the stream of events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from aiohttp import web

from files_service.gateway.auth.callers import by_bearer_or_session
from files_service.gateway.cors import READ_EXPOSED, Cors
from files_service.gateway.limits import Limiter
from files_service.gateway.openapi import ANY_BYTES, TEXT, Operation, parameter, reply
from files_service.gateway.pages import assets, listing, reference, session, share
from files_service.gateway.pages.events import FEED, MAX_PAGES, PAGES, events
from files_service.gateway.pages.feed import Feed
from files_service.gateway.routes import Door, Route, at
from files_service.gateway.state import Gateway
from storage_adapters import JSON


def _set_up_events(app: web.Application, gateway: Gateway) -> None:
    app[FEED], app[PAGES] = Feed(gateway), Limiter("open pages", MAX_PAGES)
    app.cleanup_ctx.append(_closing)


async def _closing(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[FEED].close()


def _page(description: str) -> JSON:
    return reply(description, TEXT, "text/html")


_operation = partial(Operation, tag="pages", errors=(400, 500))
_INDEX = _operation(
    name="index",
    summary="The page of one's own files.",
    tag="operation",
    replies={200: _page("The page of one's own files.")},
)
_REFERENCE = _operation(
    name="docs",
    summary="This description, for people.",
    tag="operation",
    replies={200: _page("This description, for people.")},
)
_SHARE = _operation(
    name="share_page",
    summary="What a shared link shows.",
    parameters=[
        parameter("file_id", "path", description="The file."),
        parameter("raw", "query", description="1: the bytes instead of the page."),
    ],
    replies={
        200: {"description": "The page, or the bytes.", "content": {**_page("")["content"], **ANY_BYTES}},
        **dict.fromkeys((400, 403, 404, 410, 412, 500, 501, 503), _page("A refusal, as a page.")),
    },
    errors=(),
)
_SIGN_IN = _operation(
    name="sign_in",
    summary="Turn the token of a link into a cookie.",
    parameters=[parameter("token", "query", description="An end user's token.")],
    replies={200: _page("Signed in."), 401: _page("The token does not hold.")},
)
_SIGN_OUT = _operation(name="sign_out", summary="Forget the cookie.", replies={303: {"description": "To `/`."}})
_STATIC = _operation(
    name="static",
    summary="A script or the style of the pages.",
    parameters=[parameter("name", "path", description="The name of the file.")],
    replies={200: {"description": "The file.", "content": ANY_BYTES}},
    errors=(400, 404, 500),
)
_EVENTS = _operation(
    name="events",
    summary="What changes of the owner's files, as it happens.",
    secured=True,
    replies={200: reply("Events, until the client goes.", TEXT, "text/event-stream")},
    errors=(400, 401, 403, 500, 501, 503),
)

DOOR = Door(
    name="pages",
    match=at("/", "/docs", "/download/", "/sign-in", "/sign-out", "/static/"),
    routes=(
        Route("GET", "/", listing.index, _INDEX),
        Route("GET", "/docs", reference.docs, _REFERENCE),
        Route("GET", "/download/{file_id}", share.share, _SHARE),
        Route("GET", "/sign-in", session.sign_in, _SIGN_IN),
        Route("POST", "/sign-out", session.sign_out, _SIGN_OUT),
        Route("GET", "/static/{name}", assets.static, _STATIC),
    ),
    sessions=True,
)
# Stands before the REST door, to which the other addresses below /api/ belong.
EVENTS_DOOR = Door(
    name="events",
    match=at("/api/events"),
    routes=(Route("GET", "/api/events", events, _EVENTS),),
    authenticate=by_bearer_or_session,
    cors=Cors(request_headers=(), exposed_headers=READ_EXPOSED, embeddable=True),
    setup=_set_up_events,
    sessions=True,
)
