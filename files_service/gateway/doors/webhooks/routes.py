"""The door of webhooks: ``/webhooks/gcs/…``, for senders that the receiver admits."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from files_service.gateway.doors.webhooks.channel import channel
from files_service.gateway.doors.webhooks.pubsub import pubsub
from files_service.gateway.doors.webhooks.receiver import RECEIVER, Receiver
from files_service.gateway.middleware import Handler
from files_service.gateway.openapi import Operation, json_body
from files_service.gateway.routes import Door, Route, at
from files_service.gateway.state import Gateway


def _set_up(app: web.Application, gateway: Gateway) -> None:
    app[RECEIVER] = Receiver(gateway.core, gateway.limits, gateway.metrics)
    app.cleanup_ctx.append(_closing)


async def _closing(app: web.Application) -> AsyncIterator[None]:
    yield
    app[RECEIVER].close()


def _route(path: str, handler: Handler, name: str, summary: str) -> Route:
    operation = Operation(
        name=name,
        summary=summary,
        tag="webhooks",
        body=json_body({"type": "object"}),
        replies={204: {"description": "Settled: not to be delivered again."}},
        errors=(400, 401, 403, 404, 405, 408, 417, 500, 501, 503),
    )
    return Route("POST", path, handler, operation)


DOOR = Door(
    name="webhooks",
    match=at("/webhooks/"),
    routes=(
        _route("/webhooks/gcs/pubsub", pubsub, "webhook_pubsub", "Take a notification that Pub/Sub pushes."),
        _route("/webhooks/gcs/channel", channel, "webhook_channel", "Take an object change notification."),
    ),
    setup=_set_up,
)
