"""The REST door: ``/api/files``, for end users by token or session, and for trusted systems."""

from __future__ import annotations

from functools import partial

from files_service.gateway.auth.callers import by_bearer_or_session
from files_service.gateway.cors import READ_EXPOSED, READ_HEADERS, Cors
from files_service.gateway.doors.rest import reading, uploading
from files_service.gateway.openapi import (
    BINARY,
    FLAG,
    READ_REPLIES,
    TEXT,
    Operation,
    json_body,
    query,
    reply,
)
from files_service.gateway.routes import Door, Route, at, preflight_route
from storage_adapters import JSON, SORT_FIELDS, Access

_ERRORS = (400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 416, 417, 422, 500, 501, 503, 507)
_ACCESS: JSON = {"type": "string", "enum": [each.value for each in Access]}
_TAGS: JSON = {**TEXT, "description": "Several with commas between, or repeated."}
_LIST_QUERY = query(
    owner=TEXT,
    access=_ACCESS,
    tags=_TAGS,
    filter={**TEXT, "description": "The filter of files.list as JSON."},
    search=TEXT,
    order_by={"type": "string", "enum": list(SORT_FIELDS)},
    order={"type": "string", "enum": ["asc", "desc"]},
    limit={"type": "integer", "minimum": 1, "maximum": 100},
    cursor=TEXT,
    fields={**TEXT, "description": "Names of fields, with commas between."},
    with_total=FLAG,
    min_change=TEXT,
    consistency={"type": "string", "enum": ["eventual", "strong"]},
)
_UPLOAD_QUERY = query(
    name={**TEXT, "description": "The name of the file; needed with a raw body."},
    access=_ACCESS,
    tags=_TAGS,
    sha256=TEXT,
    md5=TEXT,
)
_FORM = {"schema": {"type": "object", "properties": {"file": BINARY["schema"]}}}
_ACCESS_BODY: JSON = {
    "type": "object",
    "required": ["access"],
    "properties": {"access": _ACCESS},
    "additionalProperties": False,
}

_operation = partial(Operation, tag="files", secured=True, errors=_ERRORS)
_UPLOAD = _operation(
    name="upload_file",
    summary="Take a whole file in one request.",
    parameters=_UPLOAD_QUERY,
    body={"content": {"application/octet-stream": BINARY, "multipart/form-data": _FORM}},
    replies={201: reply("Made.")},
)
_LIST = _operation(
    name="list_files", summary="One page of files.", parameters=_LIST_QUERY, replies={200: reply("The page.")}
)
_INFO = _operation(name="file", summary="The record of a file.", replies={200: reply("The record.")})
_REMOVE = _operation(name="remove_file", summary="Remove the file.", replies={200: reply("It is removed.")})
_DOWNLOAD = _operation(
    name="download_file",
    summary="The bytes of a part, by default the first.",
    parameters=query(part=TEXT, inline=FLAG),
    replies=READ_REPLIES,
)
_MANIFEST = _operation(name="file_manifest", summary="The chunks of a file.", replies={200: reply("The manifest.")})
_SET_ACCESS = _operation(
    name="set_file_access",
    summary="Set who may read the file.",
    body=json_body(_ACCESS_BODY),
    replies={200: reply("What it is now.")},
)
_preflight = partial(preflight_route, tag="files", errors=_ERRORS)

DOOR = Door(
    name="rest",
    match=at("/api/"),
    routes=(
        Route("POST", "/api/files/upload", uploading.upload, _UPLOAD),
        _preflight("/api/files/upload", "upload_options"),
        Route("GET", "/api/files", reading.list_files, _LIST),
        _preflight("/api/files", "files_options"),
        Route("GET", "/api/files/{file_id}", reading.info, _INFO),
        Route("DELETE", "/api/files/{file_id}", reading.remove, _REMOVE),
        _preflight("/api/files/{file_id}", "file_options"),
        Route("GET", "/api/files/{file_id}/download", reading.download, _DOWNLOAD),
        _preflight("/api/files/{file_id}/download", "download_options"),
        Route("GET", "/api/files/{file_id}/manifest", reading.manifest, _MANIFEST),
        _preflight("/api/files/{file_id}/manifest", "manifest_options"),
        Route("PUT", "/api/files/{file_id}/access", reading.set_access, _SET_ACCESS),
        _preflight("/api/files/{file_id}/access", "access_options"),
    ),
    authenticate=by_bearer_or_session,
    cors=Cors(
        request_headers=("Authorization", "Content-Type", *READ_HEADERS, "X-Request-Id"),
        exposed_headers=READ_EXPOSED,
        embeddable=True,
    ),
    sessions=True,
)
