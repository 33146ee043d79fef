"""The table of ``/api/notifications`` and ``/api/notice-channels``."""

from __future__ import annotations

from files_service.domain.inbox import KEPT
from files_service.domain.scopes import SESSION
from files_service.gateway.auth.callers import by_bearer_or_session
from files_service.gateway.doors.notices import handlers
from files_service.gateway.openapi import TEXT, body_schema, json_body, query, reply
from files_service.gateway.routes import Door, Route, at

_NOTICES, _CHANNELS = "/api/notifications", "/api/notice-channels"
_CHANNEL = f"{_CHANNELS}/{{name}}"
_LIST, _SET = "The channels of an owner, without their addresses.", "Make or change a channel of an owner."
_REMOVE, _TEST = "Remove a channel of an owner.", "Send a test message to a channel of an owner."
_SHOWN = "The channel, without its address."
_SCHEMA = body_schema("notices.set_channel", without=("actor", "name"))
_BODY = json_body({**_SCHEMA, "required": [each for each in _SCHEMA.get("required", []) if each != "owner"]})
_OWNER = query(owner=TEXT)
_PAGE, _READ = "One page of the notices of an owner, the newest first.", "Mark notices of an owner as read."
_PAGE_QUERY = query(owner=TEXT, limit={"type": "integer", "minimum": 1, "maximum": KEPT}, cursor=TEXT)
_READ_SCHEMA = body_schema("notices.read", without=("actor",))
_READ_BODY = json_body({**_READ_SCHEMA, "required": []})

DOOR = Door(
    name="notices",
    match=at(_NOTICES, f"{_NOTICES}/", _CHANNELS, f"{_CHANNELS}/"),
    routes=(
        Route(
            "GET",
            _NOTICES,
            handlers.list_notices,
            "notifications",
            _PAGE,
            {200: reply("The notices, and the number of unread ones.")},
            _PAGE_QUERY,
            scope=SESSION,
        ),
        Route(
            "POST",
            f"{_NOTICES}/read",
            handlers.read_notices,
            "read_notifications",
            _READ,
            {200: reply("The number of unread ones.")},
            body=_READ_BODY,
            scope=SESSION,
        ),
        Route(
            "GET",
            _CHANNELS,
            handlers.list_channels,
            "notice_channels",
            _LIST,
            {200: reply(_LIST)},
            _OWNER,
            scope=SESSION,
        ),
        Route(
            "PUT",
            _CHANNEL,
            handlers.put_channel,
            "set_notice_channel",
            _SET,
            {200: reply(_SHOWN)},
            body=_BODY,
            scope=SESSION,
        ),
        Route(
            "DELETE",
            _CHANNEL,
            handlers.delete_channel,
            "remove_notice_channel",
            _REMOVE,
            {200: reply("The name.")},
            _OWNER,
            scope=SESSION,
        ),
        Route(
            "POST",
            f"{_CHANNEL}/test",
            handlers.try_channel,
            "test_notice_channel",
            _TEST,
            {202: reply(_SHOWN)},
            _OWNER,
            scope=SESSION,
        ),
    ),
    authenticate=by_bearer_or_session,
    sessions=True,
    tag="notices",
    errors=(400, 401, 403, 404, 405, 408, 409, 413, 415, 417, 500, 501, 503),
)
