"""The WebSocket door: ``/ws/upload``. A connection may authenticate by its first message, so its handler does that."""

from __future__ import annotations

from aiohttp import web

from files_service.gateway.auth.callers import by_bearer_or_session
from files_service.gateway.doors.websocket.door import websocket
from files_service.gateway.doors.websocket.state import SHARED, Shared
from files_service.gateway.openapi import Operation
from files_service.gateway.routes import Door, Route, at
from files_service.gateway.state import Gateway

_UPLOAD = Operation(
    name="ws_upload",
    summary="Send and continue uploads by WebSocket.",
    tag="uploads",
    replies={101: {"description": "The subprotocol files-upload.v1; docs/http.md describes its messages."}},
    errors=(400, 401, 403, 404, 405, 408, 409, 410, 411, 412, 413, 415, 417, 422, 426, 460, 500, 501, 503, 507),
)


def _set_up(app: web.Application, gateway: Gateway) -> None:
    app[SHARED] = Shared.of(gateway)


DOOR = Door(
    name="websocket",
    match=at("/ws/"),
    routes=(Route("GET", "/ws/upload", websocket, _UPLOAD),),
    authenticate=by_bearer_or_session,
    setup=_set_up,
    sessions=True,
)
