"""What the description of the API says of ``/api/files``."""

from __future__ import annotations

from collections.abc import Callable

from storage_adapters import JSON, SORT_FIELDS, Access

_JSON_TYPE = "application/json"
_TEXT = {"type": "string"}
_FLAG = {"type": "string", "enum": ["0", "1"]}
_OBJECT = {"type": "object"}
_LIST_QUERY: dict[str, JSON] = {
    "owner": _TEXT,
    "access": {"type": "string", "enum": [each.value for each in Access]},
    "tags": {**_TEXT, "description": "Several with commas between, or repeated."},
    "filter": {**_TEXT, "description": "The filter of files.list as JSON."},
    "search": _TEXT,
    "order_by": {"type": "string", "enum": list(SORT_FIELDS)},
    "order": {"type": "string", "enum": ["asc", "desc"]},
    "limit": {"type": "integer", "minimum": 1, "maximum": 100},
    "cursor": _TEXT,
    "fields": {**_TEXT, "description": "Names of fields, with commas between."},
    "with_total": _FLAG,
    "min_change": _TEXT,
    "consistency": {"type": "string", "enum": ["eventual", "strong"]},
}
_UPLOAD_QUERY: dict[str, JSON] = {
    "name": {**_TEXT, "description": "The name of the file; needed with a raw body."},
    "access": {"type": "string", "enum": [each.value for each in Access]},
    "tags": {**_TEXT, "description": "Several with commas between, or repeated."},
    "sha256": _TEXT,
    "md5": _TEXT,
}
_COMMON = (400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 417, 422, 500, 501, 503)


def file_operations(errors: Callable[[tuple[int, ...]], JSON]) -> JSON:
    """The operations by path; ``errors`` makes the answers that refuse."""
    file_id = {"name": "file_id", "in": "path", "required": True, "schema": _TEXT}

    def operation(name: str, summary: str, responses: JSON, parameters: list[JSON] | None = None) -> JSON:
        return {
            "operationId": name,
            "summary": summary,
            "tags": ["files"],
            "security": [{"bearer": []}],
            "parameters": parameters or [],
            "responses": responses | errors((*_COMMON, 416, 507)),
        }

    def reply(description: str) -> JSON:
        return {"description": description, "content": {_JSON_TYPE: {"schema": _OBJECT}}}

    def preflight(name: str, parameters: list[JSON]) -> JSON:
        return operation(name, "What a page of another origin may do.", {"204": {"description": "It."}}, parameters)

    def query(described: dict[str, JSON]) -> list[JSON]:
        return [{"name": name, "in": "query", "schema": schema} for name, schema in described.items()]

    upload = operation(
        "upload_file", "Take a whole file in one request.", {"201": reply("Made.")}, query(_UPLOAD_QUERY)
    )
    binary = {"schema": {"type": "string", "format": "binary"}}
    form = {"schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}}
    upload["requestBody"] = {"content": {"application/octet-stream": binary, "multipart/form-data": form}}
    access = operation("set_file_access", "Set who may read the file.", {"200": reply("What it is now.")}, [file_id])
    levels = {"type": "string", "enum": [each.value for each in Access]}
    body = {"type": "object", "required": ["access"], "properties": {"access": levels}, "additionalProperties": False}
    access["requestBody"] = {"required": True, "content": {_JSON_TYPE: {"schema": body}}}
    content = {
        "200": {"description": "The bytes.", "content": {"*/*": {}}},
        "206": {"description": "A range of the bytes.", "content": {"*/*": {}}},
        "304": {"description": "Not modified."},
    }
    place: list[JSON] = [
        file_id,
        {"name": "part", "in": "query", "schema": _TEXT},
        {"name": "inline", "in": "query", "schema": _FLAG},
    ]
    return {
        "/api/files/upload": {"post": upload, "options": preflight("upload_options", [])},
        "/api/files": {
            "get": operation("list_files", "One page of files.", {"200": reply("The page.")}, query(_LIST_QUERY)),
            "options": preflight("files_options", []),
        },
        "/api/files/{file_id}": {
            "get": operation("file", "The record of a file.", {"200": reply("The record.")}, [file_id]),
            "delete": operation("remove_file", "Remove the file.", {"200": reply("It is removed.")}, [file_id]),
            "options": preflight("file_options", [file_id]),
        },
        "/api/files/{file_id}/download": {
            "get": operation("download_file", "The bytes of a part, by default the first.", content, place),
            "options": preflight("download_options", [file_id]),
        },
        "/api/files/{file_id}/manifest": {
            "get": operation("file_manifest", "The chunks of a file.", {"200": reply("The manifest.")}, [file_id]),
            "options": preflight("manifest_options", [file_id]),
        },
        "/api/files/{file_id}/access": {"put": access, "options": preflight("access_options", [file_id])},
    }
