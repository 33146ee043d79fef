"""The tus door: ``/tus/``, for owners by token or session."""

from __future__ import annotations

from functools import partial

from files_service.gateway.auth.callers import by_bearer_or_session
from files_service.gateway.cors import Cors
from files_service.gateway.doors.tus import door, protocol
from files_service.gateway.openapi import BINARY, Operation, parameter
from files_service.gateway.routes import Door, Route, at
from storage_adapters import JSON

_UPLOADS, _UPLOAD = protocol.PATH, f"{protocol.PATH}{{upload_id}}"
_ERRORS = (400, 401, 403, 404, 405, 408, 409, 410, 411, 412, 413, 415, 417, 422, 460, 500, 501, 503, 507)
_VERSION = parameter("Tus-Resumable", "header", {"type": "string", "enum": [protocol.VERSION]}, required=True)
_OFFSET = parameter("Upload-Offset", "header", {"type": "string", "pattern": "^[0-9]{1,16}$"}, required=True)
_CREATION = [
    parameter(name, "header") for name in ("Upload-Length", "Upload-Defer-Length", "Upload-Metadata", "Upload-Concat")
]
_DONE: JSON = {"description": "Done; the headers are those of tus 1.0.0."}

_operation = partial(Operation, tag="uploads", secured=True, errors=_ERRORS)
_CREATE = _operation(
    name="tus_create", summary="Begin an upload by tus.", parameters=[_VERSION, *_CREATION], replies={201: _DONE}
)
_HEAD = _operation(name="tus_head", summary="Ask how much has arrived.", parameters=[_VERSION], replies={200: _DONE})
_PATCH = _operation(
    name="tus_patch",
    summary="Send bytes from the offset on.",
    parameters=[_VERSION, _OFFSET, parameter("Upload-Checksum", "header")],
    body={"content": {protocol.CONTENT_TYPE: BINARY}},
    replies={204: _DONE},
)
_DELETE = _operation(name="tus_delete", summary="Give the upload up.", parameters=[_VERSION], replies={204: _DONE})
_ACT = _operation(
    name="tus_act",
    summary="Act as X-HTTP-Method-Override says.",
    parameters=[_VERSION],
    replies={200: _DONE, 204: _DONE},
)
_options = partial(
    Operation,
    summary="What of tus this server can do.",
    tag="uploads",
    replies={204: _DONE},
    errors=_ERRORS,
)

DOOR = Door(
    name="tus",
    match=at(protocol.PATH),
    routes=(
        Route("POST", _UPLOADS, door.create, _CREATE),
        Route("OPTIONS", _UPLOADS, door.options, _options(name="tus_options")),
        Route("HEAD", _UPLOAD, door.head, _HEAD),
        Route("PATCH", _UPLOAD, door.patch, _PATCH),
        Route("DELETE", _UPLOAD, door.delete, _DELETE),
        Route("POST", _UPLOAD, door.act, _ACT),
        Route("OPTIONS", _UPLOAD, door.options, _options(name="tus_upload_options")),
    ),
    authenticate=by_bearer_or_session,
    cors=Cors(
        request_headers=(
            "Authorization",
            "Content-Type",
            "Tus-Resumable",
            "Upload-Checksum",
            "Upload-Concat",
            "Upload-Defer-Length",
            "Upload-Length",
            "Upload-Metadata",
            "Upload-Offset",
            "X-HTTP-Method-Override",
            "X-Request-Id",
            "X-Requested-With",
        ),
        exposed_headers=(
            "Location",
            "Tus-Checksum-Algorithm",
            "Tus-Extension",
            "Tus-Max-Size",
            "Tus-Resumable",
            "Tus-Version",
            "Upload-Concat",
            "Upload-Defer-Length",
            "Upload-Expires",
            "Upload-Length",
            "Upload-Metadata",
            "Upload-Offset",
            "X-Request-Id",
            "Retry-After",
        ),
    ),
    headers={"Tus-Resumable": protocol.VERSION},
    sessions=True,
)
