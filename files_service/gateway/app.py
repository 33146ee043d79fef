"""The application of the gateway: the doors, in the order in which they are asked for an address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aiohttp import web

from files_service.core import Core
from files_service.gateway.doors import operation, rpc
from files_service.gateway.doors.analytics import routes as analytics
from files_service.gateway.doors.archives import routes as archives
from files_service.gateway.doors.auth import routes as auth
from files_service.gateway.doors.blobs import routes as blobs
from files_service.gateway.doors.cards import routes as cards
from files_service.gateway.doors.folders import routes as folders
from files_service.gateway.doors.nodes import routes as nodes
from files_service.gateway.doors.notices import routes as notices
from files_service.gateway.doors.rest import routes as rest
from files_service.gateway.doors.shares import routes as shares
from files_service.gateway.doors.tus import routes as tus
from files_service.gateway.doors.webhooks import routes as webhooks
from files_service.gateway.doors.websocket import routes as websocket
from files_service.gateway.limits import Limits
from files_service.gateway.middleware import finish_headers, handle_request
from files_service.gateway.openapi import DOCUMENT, Description
from files_service.gateway.pages import routes as pages
from files_service.gateway.pages.refusals import page_or_json
from files_service.gateway.pages.shared import routes as shared
from files_service.gateway.readiness import CHECKS, Check
from files_service.gateway.routes import Door, mount
from files_service.gateway.state import GATEWAY, OPERATION, Gateway
from files_service.gateway.transfer.upload_locks import UPLOAD_LOCKS, UploadLocks
from files_service.messaging.readiness import Part, parts_of
from files_service.runtime.metrics import Metrics
from files_service.services.listing.metrics import ListsCollector

DOORS: tuple[Door, ...] = (
    rpc.DOOR,
    # People open signed URLs, too, that were sent to them.
    replace(blobs.DOOR, error_form=page_or_json),
    pages.EVENTS_DOOR,
    auth.SIGNING_DOOR,
    auth.DOOR,
    shares.DOOR,
    analytics.DOOR,
    archives.DOOR,
    folders.DOOR,
    cards.DOOR,
    notices.DOOR,
    rest.DOOR,
    rest.UPLOAD_DOOR,
    nodes.DOOR,
    tus.DOOR,
    websocket.DOOR,
    webhooks.DOOR,
    operation.DOOR,
    pages.DOCS_DOOR,
    pages.STATIC_DOOR,
    shared.DOOR,
    pages.DOOR,
)
# The doors at the operation address, and those that stay beside it.
OPERATION_DOORS: tuple[Door, ...] = (operation.DOOR, pages.DOCS_DOOR, pages.STATIC_DOOR)
PUBLIC_DOORS: tuple[Door, ...] = tuple(
    operation.PUBLIC_DOOR if door is operation.DOOR else door for door in DOORS if door is not pages.DOCS_DOOR
)
# Answers addresses of no door.
_UNKNOWN = Door(name="unknown", match=lambda _: True, routes=(), error_form=page_or_json, sessions=True)


def make_app(
    core: Core,
    limits: Limits | None = None,
    metrics: Metrics | None = None,
    parts: Sequence[Part] = (),
    doors: Sequence[Door] = DOORS,
) -> web.Application:
    """Build the application over a core, which its caller closes. ``parts`` add to the readiness of the stores."""
    limits = limits or Limits()
    metrics = metrics or Metrics()
    metrics.watch(ListsCollector(core.lists))
    app = web.Application(middlewares=[handle_request])
    app[GATEWAY] = Gateway(core, limits, metrics)
    app[UPLOAD_LOCKS] = UploadLocks()
    app[DOCUMENT] = Description(doors, core.settings.public_path)
    app[CHECKS] = tuple(
        Check(part, least_lifetime_seconds=limits.ping_lifetime_seconds) for part in (*parts_of(core), *parts)
    )
    _mount_all(app, doors)
    # After the doors, which use the threads until they are closed.
    app.on_cleanup.append(_close)
    return app


def make_operation_app(public: web.Application) -> web.Application:
    """Build the application of the operation address over the state of the public one, which outlives it."""
    app = web.Application(middlewares=[handle_request])
    app[OPERATION] = True
    app[GATEWAY] = gateway = public[GATEWAY]
    # Programs call the described addresses at the public one.
    app[DOCUMENT] = Description(PUBLIC_DOORS, gateway.core.settings.public_url)
    app[CHECKS] = public[CHECKS]
    _mount_all(app, OPERATION_DOORS)
    return app


def _mount_all(app: web.Application, doors: Sequence[Door]) -> None:
    app.on_response_prepare.append(finish_headers)
    for door in (*doors, _UNKNOWN):
        mount(app, door, app[GATEWAY])


async def _close(app: web.Application) -> None:
    app[GATEWAY].close()
    for check in app[CHECKS]:
        check.close()
