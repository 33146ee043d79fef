"""The table of the door of file nodes."""

from __future__ import annotations

from files_service.domain.scopes import ADMIN
from files_service.gateway.auth.callers import by_bearer_or_session
from files_service.gateway.doors.nodes import files, members
from files_service.gateway.doors.nodes.files import IN_MEMORY, memory_of
from files_service.gateway.doors.nodes.members import CONTROLLER
from files_service.gateway.openapi import BINARY, TEXT, json_body, query, reply
from files_service.gateway.routes import Door, Route, at
from files_service.nodes.controller.controller import Controller
from files_service.nodes.controller.locations import MOST_CHUNKS
from storage_adapters import JSON

_COUNT: JSON = {"type": "integer", "minimum": 0}
_CREATE, _APPEND, _SHOW = "Begin a file that comes in chunks.", "Take a chunk of a file.", "The places of the chunks."
_PING, _ACTIVE, _LAYOUT = "Create or update a file node.", "The file nodes that ping.", "The layout of the file nodes."
_NEW = json_body(
    {
        "type": "object",
        "properties": {
            **dict.fromkeys(
                ("name", "mime_type", "access", "path", "on_conflict", "sha256", "md5", "request_id"), TEXT
            ),
            "size": _COUNT,
            "tags": {"type": "array", "items": TEXT},
            "meta": {"type": "object"},
        },
        "additionalProperties": False,
    }
)
_TOLD = {"type": "object", "properties": {"order": _COUNT, "offset": _COUNT, "size": _COUNT, "hash": TEXT}}
_CHUNK: JSON = {"content": {"application/octet-stream": BINARY, "application/json": {"schema": _TOLD}}}
_PLACE = query(order=_COUNT, offset=_COUNT, hash=TEXT)
_PAGE = query(start=_COUNT, limit={"type": "integer", "minimum": 1, "maximum": MOST_CHUNKS})
_MEMBER = json_body(
    {
        "type": "object",
        "required": ["id", "boot", "boots", "url"],
        "properties": {**dict.fromkeys(("id", "boot", "url", "zone"), TEXT), "boots": _COUNT, "free": _COUNT},
    }
)

DOOR = Door(
    name="nodes",
    match=at("/file", "/file/", "/ping", "/active-nodes", "/layout"),
    routes=(
        Route("POST", "/file", files.create, "create_file", _CREATE, {201: reply("The upload.")}, body=_NEW),
        Route(
            "POST",
            "/file/{file_id}",
            files.append,
            "append_chunk",
            _APPEND,
            {200: reply("The upload."), 201: reply("The upload and the chunk.")},
            _PLACE,
            _CHUNK,
        ),
        Route("GET", "/file/{file_id}", files.show, "file_chunks", _SHOW, {200: reply(_SHOW)}, _PAGE),
        Route(
            "POST",
            "/ping",
            members.ping,
            "ping",
            _PING,
            {200: reply("It is known."), 201: reply("It is new.")},
            body=_MEMBER,
            scope=ADMIN,
        ),
        Route(
            "GET", "/active-nodes", members.active_nodes, "active_nodes", _ACTIVE, {200: reply(_ACTIVE)}, scope=ADMIN
        ),
        Route("GET", "/layout", members.layout, "layout", _LAYOUT, {200: reply(_LAYOUT)}, scope=ADMIN),
    ),
    authenticate=by_bearer_or_session,
    sessions=True,
    state={CONTROLLER: lambda gateway: Controller(gateway.core), IN_MEMORY: memory_of},
    close=members.close,
    tag="nodes",
    errors=(400, 401, 403, 404, 405, 408, 409, 410, 411, 413, 415, 417, 422, 500, 501, 503, 507),
)
