"""The door of blobs: ``/blobs/{key}``, for holders of signed URLs."""

from __future__ import annotations

from files_service.domain.uploads import FILE_ID
from files_service.gateway.cors import READ_EXPOSED, READ_HEADERS, Cors
from files_service.gateway.doors.blobs.address import PATH
from files_service.gateway.doors.blobs.download import get_blob
from files_service.gateway.doors.blobs.upload import put_blob
from files_service.gateway.openapi import BINARY, READ_REPLIES, parameter, preflight_route, reply
from files_service.gateway.routes import Door, Route, at

_BLOB = f"{PATH}{{key:.+}}"
_PATTERN = rf"^[0-9a-f]{{32}}/{FILE_ID}/[A-Za-z0-9_-]{{1,64}}(\.[A-Za-z0-9]{{1,16}}){{0,3}}$"
_KEY = parameter("key", "path", {"type": "string", "pattern": _PATTERN})
_SIGNED = [
    _KEY,
    parameter("method", "query", description="The method that was signed."),
    parameter("expires", "query", description="Milliseconds since the epoch."),
    parameter("content_type", "query", description="Of the bytes to send."),
    parameter("size", "query", description="Of the bytes to send."),
    parameter("filename", "query", description="The name under which a browser saves the bytes."),
    parameter("signature", "query", description="HMAC of all of it. Absent: only what is public is served."),
]
_RANGES = [parameter(name, "header") for name in ("Range", "If-None-Match", "If-Range")]
_FINISHED = {"type": "object", "required": ["file_id", "status", "parts_received", "parts_total", "duplicate"]}
_STORED = {200: reply("The same bytes were stored before.", _FINISHED), 201: reply("Stored.", _FINISHED)}
_BODY = {"required": True, "content": {"application/octet-stream": BINARY}}
_GET, _HEAD, _PUT = "Read the bytes of a part.", "Ask what a GET would answer.", "Send the bytes of a part."

DOOR = Door(
    name="blobs",
    match=at(PATH),
    routes=(
        Route("GET", _BLOB, get_blob, "get_blob", _GET, READ_REPLIES, [*_SIGNED, *_RANGES]),
        Route("HEAD", _BLOB, get_blob, "head_blob", _HEAD, READ_REPLIES, _SIGNED),
        Route("PUT", _BLOB, put_blob, "put_blob", _PUT, _STORED, _SIGNED, _BODY),
        preflight_route(_BLOB, "blob_options", _KEY),
    ),
    # A signed URL is a capability, not a cookie: any page that has it may use it.
    cors=Cors(f"Content-Type, {READ_HEADERS}, X-Request-Id", READ_EXPOSED, embeddable=True, longest_request=1_000),
    tag="bytes",
    errors=(400, 403, 404, 408, 409, 410, 411, 412, 413, 415, 416, 417, 500, 501, 503),
)
