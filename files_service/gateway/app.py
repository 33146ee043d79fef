"""The application: which address is answered by which handler."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from files_service.core import Core
from files_service.errors import MethodNotAllowed, NotFound
from files_service.gateway import health
from files_service.gateway.doors.blobs.address import preflight
from files_service.gateway.doors.blobs.download import get_blob
from files_service.gateway.doors.blobs.upload import put_blob
from files_service.gateway.doors.rest import reading, uploading
from files_service.gateway.doors.rpc import call
from files_service.gateway.doors.tus import door as tus
from files_service.gateway.doors.webhooks.channel import channel
from files_service.gateway.doors.webhooks.pubsub import pubsub
from files_service.gateway.doors.webhooks.receiver import DESK, Desk
from files_service.gateway.doors.websocket.door import websocket
from files_service.gateway.limits import Limits
from files_service.gateway.middleware import Handler, exchange, finish_headers
from files_service.gateway.openapi import serve_document
from files_service.gateway.pages import assets, listing, reference, session, share
from files_service.gateway.pages.events import FEED, MAX_PAGES, PAGES, events
from files_service.gateway.pages.feed import Feed
from files_service.gateway.replies import Refused
from files_service.gateway.state import GATEWAY, Gateway, Places
from files_service.gateway.transfer.body import keep_waiting
from files_service.messaging.readiness import Part, parts_of
from files_service.runtime.metrics import Metrics
from files_service.services.listing.metrics import ListsCollector

ROUTES: dict[str, dict[str, Handler]] = {
    "/rpc/{method}": {"POST": call},
    "/blobs/{key:.+}": {"PUT": put_blob, "GET": get_blob, "HEAD": get_blob, "OPTIONS": preflight},
    "/api/files/upload": {"POST": uploading.upload, "OPTIONS": reading.preflight},
    "/api/files": {"GET": reading.list_files, "OPTIONS": reading.preflight},
    "/api/files/{file_id}": {"GET": reading.info, "DELETE": reading.remove, "OPTIONS": reading.preflight},
    "/api/files/{file_id}/download": {"GET": reading.download, "OPTIONS": reading.preflight},
    "/api/files/{file_id}/manifest": {"GET": reading.manifest, "OPTIONS": reading.preflight},
    "/api/files/{file_id}/access": {"PUT": reading.set_access, "OPTIONS": reading.preflight},
    "/api/events": {"GET": events},
    "/ws/upload": {"GET": websocket},
    "/tus/": {"POST": tus.create, "OPTIONS": tus.options},
    "/tus/{upload_id}": {
        "HEAD": tus.head,
        "PATCH": tus.patch,
        "DELETE": tus.delete,
        "POST": tus.act,
        "OPTIONS": tus.options,
    },
    "/webhooks/gcs/pubsub": {"POST": pubsub},
    "/webhooks/gcs/channel": {"POST": channel},
    "/healthz": {"GET": health.healthz},
    "/readyz": {"GET": health.readyz},
    "/metrics": {"GET": health.metrics},
    "/openapi.json": {"GET": serve_document},
    "/docs": {"GET": reference.docs},
    "/": {"GET": listing.index},
    "/download/{file_id}": {"GET": share.share},
    "/sign-in": {"GET": session.sign_in},
    "/sign-out": {"POST": session.sign_out},
    "/static/{name}": {"GET": assets.static},
}


def make_app(
    core: Core, limits: Limits | None = None, metrics: Metrics | None = None, parts: Sequence[Part] = ()
) -> web.Application:
    """Build the application over a core, which stays the caller's to close. ``parts`` are for readiness, too."""
    limits = limits or Limits()
    metrics = metrics or Metrics()
    metrics.watch(ListsCollector(core.lists))
    app = web.Application(middlewares=[session.with_session, exchange])
    app[GATEWAY] = Gateway.of(core, limits, metrics)
    app[FEED] = Feed(app[GATEWAY])
    app[PAGES] = Places("open pages", MAX_PAGES)
    app[DESK] = Desk(core, limits, metrics)
    app[health.CHECKS] = tuple(
        health.Check(part, least_lifetime_seconds=limits.ping_lifetime_seconds) for part in (*parts_of(core), *parts)
    )
    for path, handlers in ROUTES.items():
        # One route for all methods: which of them are taken is answered in our own words.
        app.router.add_route("*", path, _by_method(handlers), expect_handler=keep_waiting)
    app.router.add_route("*", "/{path:.*}", _nothing_here, expect_handler=keep_waiting)
    app.on_response_prepare.append(finish_headers)
    app.on_response_prepare.append(session.vary_by_cookie)
    app.cleanup_ctx.append(_threads)
    return app


def _by_method(handlers: dict[str, Handler]) -> Handler:
    if "GET" in handlers:
        handlers = {"HEAD": handlers["GET"], **handlers}
    allowed = ", ".join(sorted(handlers))

    async def dispatch(request: web.Request) -> web.StreamResponse:
        handler = handlers.get(request.method)
        if handler is None:
            error = MethodNotAllowed(f"this address takes {allowed}", {"allowed": sorted(handlers)})
            raise Refused(error, headers={"Allow": allowed})
        return await handler(request)

    return dispatch


async def _nothing_here(request: web.Request) -> web.StreamResponse:
    raise NotFound("there is nothing at this address", {"path": request.path[:300]})


async def _threads(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[FEED].close()
    app[GATEWAY].close()
    app[DESK].close()
    for check in app[health.CHECKS]:
        check.close()
