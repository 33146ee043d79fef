"""``POST /webhooks/gcs/channel``: object change notifications (legacy). Closed without a configured token."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from files_service.errors import NotFound
from files_service.gateway.doors.webhooks.receiver import receiver_of
from files_service.gateway.state import gateway_of
from files_service.services.notifications.messages import Finalized, Ignored, resource_of_channel

SOURCE = "channel"
PROOF = "X-Goog-Channel-Token"
STATE = "X-Goog-Resource-State"
CHANNEL_ID = "X-Goog-Channel-Id"
MESSAGE_NUMBER = "X-Goog-Message-Number"


async def channel(request: web.Request) -> web.StreamResponse:
    """Receive one notification."""
    expected = gateway_of(request).core.settings.webhook_channel_token
    if not expected:
        raise NotFound("there is nothing at this address: no channel is configured")
    receiver = receiver_of(request)
    receiver.require_token(SOURCE, PROOF, request.headers.get(PROOF, ""), expected)
    return await receiver.take(request, SOURCE, _read)


def _read(request: web.Request, body: bytes) -> tuple[str, Sequence[Finalized | Ignored]]:
    headers = request.headers
    parts = (headers.get(CHANNEL_ID, ""), headers.get(MESSAGE_NUMBER, ""))
    return "-".join(filter(None, parts)), [resource_of_channel(body, headers.get(STATE, ""))]
