"""The door of webhooks: ``/webhooks/gcs/…`` and ``/webhooks/s3``, for senders that the receiver admits."""

from __future__ import annotations

from aiohttp import web

from files_service.gateway.doors.webhooks.channel import channel
from files_service.gateway.doors.webhooks.pubsub import pubsub
from files_service.gateway.doors.webhooks.receiver import RECEIVER, Receiver
from files_service.gateway.doors.webhooks.s3 import s3
from files_service.gateway.openapi import json_body
from files_service.gateway.routes import Door, Route, at

_PUBSUB, _CHANNEL = "Take a notification that Pub/Sub pushes.", "Take an object change notification."
_S3 = "Take notifications of an S3 bucket."
_HANDLED = {204: {"description": "Applied: not to be delivered again."}}
_BODY = json_body({"type": "object"})


async def _close(app: web.Application) -> None:
    app[RECEIVER].close()


DOOR = Door(
    name="webhooks",
    match=at("/webhooks/"),
    routes=(
        Route("POST", "/webhooks/gcs/pubsub", pubsub, "webhook_pubsub", _PUBSUB, _HANDLED, body=_BODY),
        Route("POST", "/webhooks/gcs/channel", channel, "webhook_channel", _CHANNEL, _HANDLED, body=_BODY),
        Route("POST", "/webhooks/s3", s3, "webhook_s3", _S3, _HANDLED, body=_BODY),
    ),
    state={RECEIVER: lambda gateway: Receiver(gateway.core, gateway.limits, gateway.metrics)},
    close=_close,
    tag="webhooks",
    errors=(400, 401, 403, 404, 405, 408, 417, 500, 501, 503),
)
