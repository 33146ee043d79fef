"""The tus door: ``/tus/``, for owners by token or session."""

from __future__ import annotations

from files_service.domain.scopes import WRITE
from files_service.gateway.auth.callers import by_bearer_or_session
from files_service.gateway.cors import Cors
from files_service.gateway.doors.tus import door
from files_service.gateway.openapi import BINARY, parameter
from files_service.gateway.routes import Door, Route, at
from files_service.gateway.transfer import tus_headers as protocol
from storage_adapters import JSON

_BARE = protocol.PATH.rstrip("/")
_UPLOADS, _UPLOAD = protocol.PATH, f"{protocol.PATH}{{upload_id}}"
_VERSION = [parameter("Tus-Resumable", "header", {"type": "string", "enum": [protocol.VERSION]}, required=True)]
_CREATION = ("Upload-Length", "Upload-Defer-Length", "Upload-Metadata", "Upload-Concat")
_CREATE = [*_VERSION, *(parameter(name, "header") for name in _CREATION)]
_OFFSET: JSON = {"type": "string", "pattern": "^[0-9]{1,16}$"}
_PATCH = [
    *_VERSION,
    parameter("Upload-Offset", "header", _OFFSET, required=True),
    parameter("Upload-Checksum", "header"),
]
_BODY: JSON = {"content": {protocol.CONTENT_TYPE: BINARY}}
_DONE: JSON = {"description": "Done; the headers are those of tus 1.0.0."}
_APPEND, _ACT = "Send bytes from the offset on.", "Act as X-HTTP-Method-Override says."
_OPTIONS = "What of tus this server can do."

DOOR = Door(
    name="tus",
    match=at(protocol.PATH, _BARE),
    routes=(
        Route("POST", _UPLOADS, door.create, "tus_create", "Begin an upload by tus.", {201: _DONE}, _CREATE),
        Route("OPTIONS", _UPLOADS, door.options, "tus_options", _OPTIONS, {204: _DONE}),
        Route("POST", _BARE, door.create, "tus_create_bare", "Begin an upload by tus.", {201: _DONE}, _CREATE),
        Route("OPTIONS", _BARE, door.options, "tus_bare_options", _OPTIONS, {204: _DONE}),
        Route("HEAD", _UPLOAD, door.head, "tus_head", "Ask how much has arrived.", {200: _DONE}, _VERSION, scope=WRITE),
        Route("PATCH", _UPLOAD, door.patch, "tus_patch", _APPEND, {204: _DONE}, _PATCH, _BODY),
        Route("DELETE", _UPLOAD, door.delete, "tus_delete", "Give the upload up.", {204: _DONE}, _VERSION, scope=WRITE),
        Route("POST", _UPLOAD, door.act, "tus_act", _ACT, {200: _DONE, 204: _DONE}, _VERSION),
        Route("OPTIONS", _UPLOAD, door.options, "tus_upload_options", _OPTIONS, {204: _DONE}),
    ),
    authenticate=by_bearer_or_session,
    cors=Cors(
        "Authorization, Content-Type, Tus-Resumable, Upload-Checksum, Upload-Concat, Upload-Defer-Length, "
        "Upload-Length, Upload-Metadata, Upload-Offset, X-HTTP-Method-Override, X-Request-Id, X-Requested-With",
        "Location, Repr-Digest, Retry-After, Tus-Checksum-Algorithm, Tus-Extension, Tus-Max-Size, Tus-Resumable, "
        "Tus-Version, Upload-Concat, Upload-Defer-Length, Upload-Expires, Upload-Length, Upload-Metadata, "
        "Upload-Offset, X-Request-Id",
    ),
    headers={"Tus-Resumable": protocol.VERSION},
    sessions=True,
    tag="uploads",
    errors=(400, 401, 403, 404, 405, 408, 409, 410, 411, 412, 413, 415, 417, 422, 460, 500, 501, 503, 507),
)
