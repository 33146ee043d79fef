"""The WebSocket door: ``/ws/upload``. A connection may authenticate by its first message, so its handler does that."""

from __future__ import annotations

from files_service.gateway.auth.people import WATCHES_ITSELF
from files_service.gateway.doors.websocket.door import websocket
from files_service.gateway.doors.websocket.state import SHARED, Shared
from files_service.gateway.routes import Door, Route, at

_SUMMARY = "Send and continue uploads by WebSocket."
_SWITCHED = {101: {"description": "The subprotocol files-upload.v1; docs/http.md describes its messages."}}

DOOR = Door(
    name="websocket",
    match=at("/ws/"),
    routes=(Route("GET", "/ws/upload", websocket, "ws_upload", _SUMMARY, _SWITCHED),),
    sessions=True,
    state={SHARED: Shared, WATCHES_ITSELF: lambda _: True},
    tag="uploads",
    errors=(400, 401, 403, 404, 405, 408, 409, 410, 411, 412, 413, 415, 417, 422, 426, 460, 500, 501, 503, 507),
)
