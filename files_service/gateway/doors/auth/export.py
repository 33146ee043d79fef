"""``/api/export``: what the service keeps about the person who is signed in, as lines of JSON."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from files_service.api.accounts.export import page_of
from files_service.core import Core
from files_service.errors import Busy
from files_service.gateway.auth.callers import holders_of, owner_of
from files_service.gateway.doors.auth.signing import session_token
from files_service.gateway.replies import json_bytes
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.transfer.disposition import content_disposition
from files_service.services.accounts.identity import session_of
from storage_adapters import JSON

# The owners whose export runs.
EXPORTS = web.AppKey("exports", set[str])


async def export(request: web.Request) -> web.StreamResponse:
    """Stream all pages, of which one is in memory; a session that ends breaks the answer off."""
    gateway, token, owner = gateway_of(request), session_token(request), owner_of(request)
    with _alone(request.config_dict[EXPORTS], owner), gateway.downloads.take(*holders_of(request, owner)):
        page = await _next_page(gateway, token, None)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"})
        response.headers["Content-Disposition"] = content_disposition("attachment", "export.ndjson")
        if request.method != "HEAD":
            await gateway.unless_given_up(_send(request, response, gateway, token, page))
        return response


async def _send(request: web.Request, response: web.StreamResponse, gateway: Gateway, token: str, page: JSON) -> None:
    await response.prepare(request)
    while True:
        await response.write(b"".join(json_bytes(each) + b"\n" for each in page["entries"]))
        if page["next_cursor"] is None:
            return
        page = await _next_page(gateway, token, page["next_cursor"])


async def _next_page(gateway: Gateway, token: str, cursor: str | None) -> JSON:
    return await gateway.calls.run(gateway.counted("accounts.export", _page), gateway.core, token, cursor)


def _page(core: Core, token: str, cursor: str | None) -> JSON:
    # A sign-in that was fresh at the beginning is enough for a long answer.
    return page_of(core, session_of(core, token, fresh=cursor is None), cursor)


@contextmanager
def _alone(running: set[str], owner: str) -> Iterator[None]:
    if owner in running:
        raise Busy("another export of yours is being sent")
    running.add(owner)
    try:
        yield
    finally:
        running.discard(owner)
