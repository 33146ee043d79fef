"""``POST /webhooks/gcs/pubsub``: push notifications of Pub/Sub, with or without its envelope."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from files_service.errors import Forbidden, Unauthorized
from files_service.gateway.doors.webhooks.receiver import receiver_of
from files_service.services.notifications.messages import Finalized, Ignored, meaning, read_push

SOURCE = "push"


async def pubsub(request: web.Request) -> web.StreamResponse:
    """Receive one notification."""
    receiver = receiver_of(request)
    try:
        if not receiver.senders.admit_at_once(request):
            await receiver.threads.run(receiver.senders.admit, receiver.senders.token_of(request))
    except (Unauthorized, Forbidden):
        receiver.refuse(SOURCE)
        raise
    return await receiver.take(request, SOURCE, _read)


def _read(request: web.Request, body: bytes) -> tuple[str, Sequence[Finalized | Ignored]]:
    message = read_push(body, request.headers)
    return message.message_id, [meaning(message)]
