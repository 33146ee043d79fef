"""The door of blobs: ``/blobs/{key}``, for the bearers of signed URLs."""

from __future__ import annotations

from functools import partial

from files_service.domain.uploads import FILE_ID
from files_service.gateway.cors import READ_EXPOSED, READ_HEADERS, Cors
from files_service.gateway.doors.blobs.address import PATH
from files_service.gateway.doors.blobs.download import get_blob
from files_service.gateway.doors.blobs.upload import put_blob
from files_service.gateway.openapi import BINARY, READ_REPLIES, Operation, parameter, reply
from files_service.gateway.routes import Door, Route, at, preflight_route

_ADDRESS = f"{PATH}{{key:.+}}"
_KEY = parameter(
    "key",
    "path",
    {"type": "string", "pattern": rf"^[0-9a-f]{{32}}/{FILE_ID}/[A-Za-z0-9_-]{{1,64}}(\.[A-Za-z0-9]{{1,16}}){{0,3}}$"},
)
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
_read = partial(Operation, tag="bytes", replies=READ_REPLIES, errors=(400, 403, 404, 410, 412, 416, 500, 501, 503))
_PUT = Operation(
    name="put_blob",
    summary="Send the bytes of a part, by a signed URL.",
    tag="bytes",
    parameters=_SIGNED,
    body={"required": True, "content": {"application/octet-stream": BINARY}},
    replies=_STORED,
    errors=(400, 403, 404, 408, 409, 410, 411, 413, 415, 417, 500, 501, 503),
)
_GET = _read(name="get_blob", summary="Read the bytes of a part.", parameters=[*_SIGNED, *_RANGES])
_HEAD = _read(name="head_blob", summary="Ask what a GET would answer.", parameters=_SIGNED)

DOOR = Door(
    name="blobs",
    match=at(PATH),
    routes=(
        Route("GET", _ADDRESS, get_blob, _GET),
        Route("HEAD", _ADDRESS, get_blob, _HEAD),
        Route("PUT", _ADDRESS, put_blob, _PUT),
        preflight_route(_ADDRESS, "blob_options", "bytes", errors=(400, 404, 500), parameters=[_KEY]),
    ),
    # A signed URL is a capability, not a cookie: any page that has it may use it.
    cors=Cors(
        request_headers=("Content-Type", *READ_HEADERS, "X-Request-Id"),
        exposed_headers=READ_EXPOSED,
        embeddable=True,
        longest_request=1_000,
    ),
)
