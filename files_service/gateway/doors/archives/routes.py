"""The table of ``/api/archives``."""

from __future__ import annotations

from files_service.domain.scopes import READ
from files_service.gateway.auth.callers import by_bearer_or_session
from files_service.gateway.doors.archives import bundles
from files_service.gateway.openapi import READ_REPLIES, body_schema, json_body, reply
from files_service.gateway.routes import Door, Route, at

_ARCHIVES, _ARCHIVE = "/api/archives", "/api/archives/{archive_id}"
_MAKE, _BYTES = "Make a ZIP archive of files.", "The bytes of a ZIP archive."
_NEW = json_body(body_schema("files.archive", without=("actor",)))

DOOR = Door(
    name="archives",
    match=at(_ARCHIVES, f"{_ARCHIVES}/"),
    routes=(
        Route("POST", _ARCHIVES, bundles.create, "create_archive", _MAKE, {201: reply("Made.")}, body=_NEW, scope=READ),
        Route("GET", _ARCHIVE, bundles.download, "archive", _BYTES, READ_REPLIES),
    ),
    authenticate=by_bearer_or_session,
    sessions=True,
    tag="files",
    errors=(400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 416, 417, 500, 501, 503),
)
