"""What the description of the API says of uploads that can be continued: by tus and by WebSocket."""

from __future__ import annotations

from collections.abc import Callable

from storage_adapters import JSON

_TEXT = {"type": "string"}
_NUMBER = {"type": "string", "pattern": "^[0-9]{1,16}$"}
_COMMON = (400, 401, 403, 404, 405, 408, 409, 410, 411, 412, 413, 415, 417, 422, 460, 500, 501, 503, 507)


def door_operations(errors: Callable[[tuple[int, ...]], JSON]) -> JSON:
    """The operations by path; ``errors`` makes the answers that refuse."""
    upload_id = {"name": "upload_id", "in": "path", "required": True, "schema": _TEXT}

    def header(name: str, *, required: bool = False) -> JSON:
        return {"name": name, "in": "header", "required": required, "schema": _NUMBER if "Offset" in name else _TEXT}

    resumable = {
        "name": "Tus-Resumable",
        "in": "header",
        "required": True,
        "schema": {"type": "string", "enum": ["1.0.0"]},
    }

    def operation(name: str, summary: str, parameters: list[JSON], *statuses: str) -> JSON:
        done = {status: {"description": "Done; the headers are those of tus 1.0.0."} for status in statuses}
        return {
            "operationId": name,
            "summary": summary,
            "tags": ["uploads"],
            "security": [{"bearer": []}],
            "parameters": parameters,
            "responses": done | errors(_COMMON),
        }

    begin = [resumable, *map(header, ("Upload-Length", "Upload-Defer-Length", "Upload-Metadata", "Upload-Concat"))]
    append = [upload_id, resumable, header("Upload-Offset", required=True), header("Upload-Checksum")]
    act = operation("tus_act", "Act as X-HTTP-Method-Override says.", [upload_id, resumable], "200", "204")
    patch = operation("tus_patch", "Send bytes from the offset on.", append, "204")
    binary = {"schema": {"type": "string", "format": "binary"}}
    patch["requestBody"] = {"content": {"application/offset+octet-stream": binary}}
    head = operation("tus_head", "Ask how much has arrived.", [upload_id, resumable], "200")
    head["responses"] = {
        status: {"description": each.get("description", "")} for status, each in head["responses"].items()
    }
    switched = {"101": {"description": "The subprotocol files-upload.v1; docs/http.md describes its messages."}}
    return {
        "/tus/": {
            "post": operation("tus_create", "Begin an upload by tus.", begin, "201"),
            "options": operation("tus_options", "What of tus this server can do.", [], "204"),
        },
        "/tus/{upload_id}": {
            "head": head,
            "patch": patch,
            "delete": operation("tus_delete", "Give the upload up.", [upload_id, resumable], "204"),
            "post": act,
            "options": operation("tus_upload_options", "What of tus this server can do.", [upload_id], "204"),
        },
        "/ws/upload": {
            "get": {
                "operationId": "ws_upload",
                "summary": "Send and continue uploads by WebSocket.",
                "tags": ["uploads"],
                "responses": switched | errors((*_COMMON, 426)),
            }
        },
    }
