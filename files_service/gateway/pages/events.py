"""``/api/events``: changes of an owner's files as server-sent events."""

from __future__ import annotations

from aiohttp import web

from files_service.errors import ServiceUnavailable
from files_service.gateway.auth.callers import holders_of, owner_of
from files_service.gateway.pages.feed import Feed
from files_service.gateway.replies import HTTPError, json_bytes
from files_service.gateway.state import gateway_of
from files_service.runtime.limiter import Limiter

FEED = web.AppKey("feed", Feed)
PAGES = web.AppKey("listening_pages", Limiter)
MAX_PAGES = 512
MAX_PAGES_OF_OWNER = 20
PING_SECONDS = 15.0
RETRY_MS = 2_000


async def events(request: web.Request) -> web.StreamResponse:
    """Stream the changes to one page, until it closes or the gateway stops."""
    gateway, owner = gateway_of(request), owner_of(request)
    feed = request.config_dict[FEED]
    if gateway.stopping:
        raise HTTPError(ServiceUnavailable("the gateway is stopping"), headers={"Retry-After": "1"})
    # Of a page that went the gateway hears late: it is the oldest one that makes room.
    feed.keep(owner, MAX_PAGES_OF_OWNER - 1)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    # A proxy must not buffer events.
    response.headers["X-Accel-Buffering"] = "no"
    with request.config_dict[PAGES].take(*holders_of(request, owner)), feed.listen(owner) as subscription:

        def leave() -> None:
            subscription.put(None)

        gateway.staying.add(leave)
        try:
            await response.prepare(request)
            await response.write(f"retry: {RETRY_MS}\n\n".encode())
            while True:
                try:
                    message = await subscription.next(PING_SECONDS)
                except TimeoutError:
                    await response.write(b": still here\n\n")
                    continue
                if message is None:
                    return response
                await response.write(b"data: " + json_bytes(message) + b"\n\n")
        finally:
            gateway.staying.discard(leave)
