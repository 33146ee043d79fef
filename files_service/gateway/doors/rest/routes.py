"""The REST door: ``/api/files``, for end users by token or session, and for trusted systems."""

from __future__ import annotations

from files_service.domain.scopes import SESSION, SHARES
from files_service.gateway.auth.callers import by_bearer_or_session
from files_service.gateway.cors import READ_EXPOSED, READ_HEADERS, Cors
from files_service.gateway.doors.rest import describing, placing, reading, uploading, versions
from files_service.gateway.openapi import (
    BINARY,
    FLAG,
    READ_REPLIES,
    TEXT,
    body_schema,
    json_body,
    preflight_route,
    query,
    reply,
)
from files_service.gateway.routes import Door, Route, at
from files_service.services.free_paths import OnConflict
from files_service.services.uploads.manifests import MOST_CHUNKS
from storage_adapters import JSON, ORDERS, Access

_FILES, _UPLOAD, _FILE = "/api/files", "/api/files/upload", "/api/files/{file_id}"
_SEARCH = "/api/files/search"
_WHOLE, _BYTES = "Take a whole file in one request.", "The bytes of a part, by default the first."
_GRANT = "Set who may read the file."
_FIND, _DESCRIBE = "One page of files that a search finds.", "Set tags and description of the file."
_ACCESS: JSON = {"type": "string", "enum": [each.value for each in Access]}
_TAGS: JSON = {**TEXT, "description": "Several with commas between, or repeated."}
_LIST = {
    "owner": TEXT,
    "access": _ACCESS,
    "tags": _TAGS,
    "filter": {**TEXT, "description": "The filter of files.list as JSON."},
    "order_by": {"type": "string", "enum": list(ORDERS)},
    "order": {"type": "string", "enum": ["asc", "desc"]},
    "limit": {"type": "integer", "minimum": 1, "maximum": 100},
    "cursor": TEXT,
    "fields": {**TEXT, "description": "Names of fields, with commas between."},
    "with_total": FLAG,
    "min_change": TEXT,
    "consistency": {"type": "string", "enum": ["eventual", "strong"]},
    "prefix": {**TEXT, "description": "Beginning of the paths; a folder with / at its end."},
    "delimiter": {"type": "string", "enum": ["/"]},
}
_LIST_QUERY, _SEARCH_QUERY = query(**_LIST, search=TEXT), query(**_LIST, query=TEXT, folder=TEXT)
_NAME = {**TEXT, "description": "The name of the file; needed with a raw body."}
_PATH = {**TEXT, "description": "The path of the file, instead of its name."}
_CONFLICT: JSON = {"type": "string", "enum": [each.value for each in OnConflict]}
_META: JSON = {**TEXT, "description": "The meta of the file as JSON."}
_UPLOAD_QUERY = query(
    name=_NAME,
    access=_ACCESS,
    tags=_TAGS,
    meta=_META,
    sha256=TEXT,
    md5=TEXT,
    path=_PATH,
    on_conflict=_CONFLICT,
    request_id=TEXT,
)
_FORM = {"schema": {"type": "object", "properties": {"file": BINARY["schema"]}}}
_FILE_BODY: JSON = {"content": {"application/octet-stream": BINARY, "multipart/form-data": _FORM}}
_ACCESS_BODY = json_body(
    {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {"access": _ACCESS, "accessType": _ACCESS},
        "additionalProperties": False,
    }
)
_METADATA_BODY = json_body(
    {
        "type": "object",
        "minProperties": 1,
        "properties": {
            "tags": {"type": ["array", "null"], "items": TEXT, "maxItems": 20},
            "description": {"type": ["string", "null"]},
        },
        "additionalProperties": False,
    }
)
_LABEL_BODY: JSON = {
    **json_body(
        {"type": "object", "properties": {"label": {"type": ["string", "null"]}}, "additionalProperties": False}
    ),
    "required": False,
}
_VERSION = f"{_FILE}/version/{{version_id}}"
_VERSION_QUERY = query(label=TEXT, sha256=TEXT, md5=TEXT)
_NEXT, _FORMER = "Take the next version of a file in one request.", "The versions of a file, the newest first."
_AGAIN, _DROP = "Make a version current again, or set its label.", "Remove a former content."
_VERSION_BYTES = "The bytes of a part of a version, by default the first."
_VERSIONS = {200: reply("The versions.")}
_CREATED, _PAGE, _RECORD = {201: reply("Made.")}, {200: reply("The page.")}, {200: reply("The record.")}
_REMOVED, _MANIFEST, _SET = {200: reply("It is removed.")}, {200: reply("The manifest.")}, {200: reply("What it is.")}
_REMOVE = "Move the file of a person to the trash, or remove it."
_BULK, _RESULTS = "Do one action to many files.", {200: reply("A result for each file.")}
_BULK_BODY = json_body(body_schema("files.bulk", without=("actor",)))
_MOVE, _RESTORE = "Move the file to a path or into a folder.", "Take the file out of the trash."
_MOVE_BODY = json_body(body_schema("files.move", without=("actor", "file_id", "file_ids")))
_PREVIEW = f"{_FILE}/preview/{{kind}}"
_PICTURE = "A preview of the file: thumbnail-256, thumbnail-512, thumbnail-1600, poster or hover, as WebP."
_CHUNKS = "A page of the chunks of a file."
_PLACE = query(start={"type": "integer", "minimum": 0}, limit={"type": "integer", "minimum": 1, "maximum": MOST_CHUNKS})
_PART = query(part=TEXT, inline=FLAG)

DOOR = Door(
    name="rest",
    match=at("/api/"),
    routes=(
        Route("POST", _UPLOAD, uploading.upload, "upload_file", _WHOLE, _CREATED, _UPLOAD_QUERY, _FILE_BODY),
        preflight_route(_UPLOAD, "upload_options"),
        Route("GET", _FILES, reading.list_files, "list_files", "One page of files.", _PAGE, _LIST_QUERY),
        preflight_route(_FILES, "files_options"),
        Route("POST", f"{_FILES}/bulk", placing.bulk, "bulk", _BULK, _RESULTS, body=_BULK_BODY, scope=SESSION),
        Route("GET", _SEARCH, reading.search, "search_files", _FIND, _PAGE, _SEARCH_QUERY),
        preflight_route(_SEARCH, "search_options"),
        Route("GET", _FILE, reading.info, "file", "The record of a file.", _RECORD),
        Route("DELETE", _FILE, reading.remove, "remove_file", _REMOVE, _REMOVED, query(permanent=FLAG)),
        preflight_route(_FILE, "file_options"),
        Route("GET", f"{_FILE}/download", reading.download, "download_file", _BYTES, READ_REPLIES, _PART),
        preflight_route(f"{_FILE}/download", "download_options"),
        Route("GET", _PREVIEW, reading.preview, "file_preview", _PICTURE, READ_REPLIES, query(part=TEXT)),
        preflight_route(_PREVIEW, "preview_options"),
        Route("GET", f"{_FILE}/manifest", reading.manifest, "file_manifest", _CHUNKS, _MANIFEST, _PLACE),
        preflight_route(f"{_FILE}/manifest", "manifest_options"),
        Route(
            "PUT",
            f"{_FILE}/access",
            reading.set_access,
            "set_file_access",
            _GRANT,
            _SET,
            body=_ACCESS_BODY,
            scope=SHARES,
        ),
        preflight_route(f"{_FILE}/access", "access_options"),
        Route(
            "PUT",
            f"{_FILE}/metadata",
            describing.set_metadata,
            "set_file_metadata",
            _DESCRIBE,
            _RECORD,
            body=_METADATA_BODY,
        ),
        preflight_route(f"{_FILE}/metadata", "metadata_options"),
        Route("POST", f"{_FILE}/move", placing.move, "move_file", _MOVE, _RECORD, body=_MOVE_BODY),
        Route("POST", f"{_FILE}/restore", placing.restore, "restore_file", _RESTORE, _RECORD),
        Route("GET", f"{_FILE}/versions", versions.list_versions, "file_versions", _FORMER, _VERSIONS),
        preflight_route(f"{_FILE}/versions", "versions_options"),
        Route(
            "POST",
            f"{_FILE}/version",
            uploading.upload_version,
            "upload_version",
            _NEXT,
            _CREATED,
            _VERSION_QUERY,
            _FILE_BODY,
        ),
        preflight_route(f"{_FILE}/version", "version_upload_options"),
        Route("PUT", _VERSION, versions.set_version, "set_version", _AGAIN, _RECORD, body=_LABEL_BODY),
        Route("DELETE", _VERSION, versions.remove_version, "remove_version", _DROP, _RECORD),
        preflight_route(_VERSION, "version_options"),
        Route(
            "GET",
            f"{_VERSION}/download",
            versions.download_version,
            "download_version",
            _VERSION_BYTES,
            READ_REPLIES,
            _PART,
        ),
        preflight_route(f"{_VERSION}/download", "version_download_options"),
    ),
    authenticate=by_bearer_or_session,
    cors=Cors(f"Authorization, Content-Type, {READ_HEADERS}, X-Request-Id", READ_EXPOSED, embeddable=True),
    sessions=True,
    tag="files",
    errors=(400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 416, 417, 422, 500, 501, 503, 507),
)
# An address of its own, for forms of pages and programs that know no other door.
UPLOAD_DOOR = Door(
    name="upload",
    match=at("/upload"),
    routes=(
        Route(
            "POST",
            "/upload",
            uploading.upload_form,
            "upload_form",
            "Take a file of any size from a form.",
            _CREATED,
            _UPLOAD_QUERY,
            {"content": {"multipart/form-data": _FORM}},
        ),
        preflight_route("/upload", "upload_form_options"),
    ),
    authenticate=by_bearer_or_session,
    cors=Cors("Authorization, Content-Type, X-Request-Id", READ_EXPOSED, embeddable=True),
    sessions=True,
    tag="files",
    errors=DOOR.errors,
)
