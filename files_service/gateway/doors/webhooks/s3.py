"""``POST /webhooks/s3``: notifications of an S3 bucket. Closed without a configured token."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from files_service.errors import NotFound
from files_service.gateway.doors.webhooks.receiver import receiver_of
from files_service.gateway.state import gateway_of
from files_service.services.notifications.messages import Finalized, Ignored
from files_service.services.notifications.s3_messages import read_events

SOURCE = "s3"
PROOF = "Authorization"
# MinIO sends the configured text as it is, unless it has a scheme.
_SCHEME = "Bearer "


async def s3(request: web.Request) -> web.StreamResponse:
    """Receive the notifications of one message."""
    expected = gateway_of(request).core.settings.webhook_s3_token
    if not expected:
        raise NotFound("there is nothing at this address: no S3 bucket is configured")
    receiver = receiver_of(request)
    receiver.require_token(SOURCE, PROOF, request.headers.get(PROOF, "").removeprefix(_SCHEME), expected)
    return await receiver.take(request, SOURCE, _read)


def _read(request: web.Request, body: bytes) -> tuple[str, Sequence[Finalized | Ignored]]:
    return "", read_events(body)
