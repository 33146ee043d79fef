"""``POST /webhooks/gcs/pubsub``: notifications that Pub/Sub pushes, wrapped in its envelope or not."""

from __future__ import annotations

from aiohttp import web

from files_service.gateway.doors.webhooks.receiver import desk_of
from files_service.gateway.replies import Refused
from files_service.services.notifications.messages import Finalized, Ignored, meaning, read_push

SOURCE = "push"


async def pubsub(request: web.Request) -> web.StreamResponse:
    """Settle one notification."""
    desk = desk_of(request)
    try:
        if not desk.senders.admit_at_once(request):
            await desk.threads.run(desk.senders.admit, desk.senders.token_of(request))
    except Refused:
        desk.refuse(SOURCE)
        raise
    return await desk.take(request, SOURCE, _read)


def _read(request: web.Request, body: bytes) -> tuple[str, Finalized | Ignored]:
    message = read_push(body, request.headers)
    return message.message_id, meaning(message)
