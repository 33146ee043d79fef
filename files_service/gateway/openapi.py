"""The description of all addresses (OpenAPI 3.1), made from the routes and the schemas of the actions."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import version
from typing import Any

from aiohttp import web
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from files_service.api import METHODS
from files_service.domain.uploads import FILE_ID
from files_service.errors import error_classes
from files_service.gateway.doors.rest.description import file_operations
from files_service.gateway.doors.tus.description import door_operations
from files_service.gateway.pages.description import page_operations
from files_service.gateway.replies import json_reply
from storage_adapters import JSON

_JSON = "application/json"
_ERROR = {"$ref": "#/components/schemas/Error"}
_TEXT = {"type": "string"}
_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_KEY_PATTERN = rf"^[0-9a-f]{{32}}/{FILE_ID}/[A-Za-z0-9_-]{{1,64}}(\.[A-Za-z0-9]{{1,16}}){{0,3}}$"
_QUERY = {
    "method": "The method that was signed.",
    "expires": "Milliseconds since the epoch.",
    "content_type": "Of the bytes to send.",
    "size": "Of the bytes to send.",
    "filename": "The name under which a browser saves the bytes.",
    "signature": "HMAC of all of it. Absent: only what is public is served.",
}
_CALL_ERRORS = (400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 417, 422, 500, 501, 503)
_PUT_ERRORS = (400, 403, 404, 408, 409, 410, 411, 413, 415, 417, 500, 501, 503)
_WEBHOOK_ERRORS = (400, 401, 403, 404, 405, 408, 417, 500, 501, 503)
_GET_ERRORS = (400, 403, 404, 410, 412, 416, 500, 501, 503)


async def serve_document(request: web.Request) -> web.StreamResponse:
    """Answer with the description."""
    return json_reply(document(), headers={"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"})


@cache
def document() -> JSON:
    """The whole description."""
    plugin = MarshmallowPlugin(schema_name_resolver=_inline)
    spec = APISpec(
        title="Files service",
        version=version("files-service"),
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": "Methods are called by POST /rpc/{method}; bytes go to and come from signed URLs."},
    )
    _components(spec)
    for name, action in METHODS.items():
        parameters = _with_ecma_patterns(plugin.converter.schema2jsonschema(action.schema))  # type: ignore[union-attr]
        spec.path(f"/rpc/{name}", operations={"post": _call(name, action.summary, parameters)})
    spec.path("/blobs/{key}", operations=_blob_operations())
    for path, operation in _webhook_operations().items():
        spec.path(path, operations={"post": operation})
    for path, operation in _plain_operations().items():
        spec.path(path, operations={"get": operation})
    for describe in (file_operations, door_operations, page_operations):
        for path, operations in describe(_errors).items():
            spec.path(path, operations=operations)
    described: JSON = spec.to_dict()
    return described


def _inline(_schema: object) -> Any:
    """Let no schema of parameters get a name: each stands where it is used."""
    return False


def parameters_of(method: str) -> JSON:
    """The JSON schemas of a method's parameters, by name."""
    body = document()["paths"][f"/rpc/{method}"]["post"]["requestBody"]
    properties: JSON = body["content"][_JSON]["schema"].get("properties", {})
    return properties


def _components(spec: APISpec) -> None:
    spec.components.security_scheme(
        "bearer", {"type": "http", "scheme": "bearer", "description": "The RPC token, or an end user's JWT."}
    )
    error = {
        "type": "object",
        "required": ["code", "message", "details"],
        "properties": {
            "code": {"type": "string", "enum": sorted(error_classes())},
            "message": _TEXT,
            "details": {"type": "object", "description": "`fields` names each field at fault."},
        },
    }
    envelope = {"type": "object", "required": ["error"], "properties": {"error": error, "request_id": _TEXT}}
    spec.components.schema("Error", envelope)


def _with_ecma_patterns(value: Any) -> Any:
    """Anchor the patterns: Python's begin at the start by themselves, those of JSON Schema do not."""
    if isinstance(value, list):
        return [_with_ecma_patterns(each) for each in value]
    if not isinstance(value, dict):
        return value
    changed = {name: _with_ecma_patterns(each) for name, each in value.items()}
    if isinstance(pattern := changed.get("pattern"), str):
        changed["pattern"] = "^(?:" + re.sub(r"\\Z$", "", pattern).lstrip("^").removesuffix("$") + ")$"
    return changed


def _call(name: str, summary: str, parameters: JSON) -> JSON:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["methods"],
        "security": [{"bearer": []}],
        "requestBody": {"required": True, "content": {_JSON: {"schema": parameters}}},
        "responses": {
            "200": _reply(
                "What the method returns.",
                {"type": "object", "required": ["result"], "properties": {"result": {"type": "object"}}},
            ),
            **_errors(_CALL_ERRORS),
        },
    }


def _blob_operations() -> JSON:
    key = {"name": "key", "in": "path", "required": True, "schema": {"type": "string", "pattern": _KEY_PATTERN}}
    query = [{"name": name, "in": "query", "description": text, "schema": _TEXT} for name, text in _QUERY.items()]
    ranges = [{"name": name, "in": "header", "schema": _TEXT} for name in ("Range", "If-None-Match", "If-Range")]
    finished = {"type": "object", "required": ["file_id", "status", "parts_received", "parts_total", "duplicate"]}

    def operation(name: str, summary: str, headers: list[JSON], responses: JSON) -> JSON:
        parameters = [key, *query, *headers]
        return {
            "operationId": name,
            "summary": summary,
            "tags": ["bytes"],
            "parameters": parameters,
            "responses": responses,
        }

    read = {
        "200": {"description": "The bytes.", "content": {"*/*": {}}},
        "206": {"description": "A range of the bytes.", "content": {"*/*": {}}},
        "304": {"description": "Not modified."},
        **_errors(_GET_ERRORS),
    }
    written = {
        "200": _reply("The same bytes were stored before.", finished),
        "201": _reply("Stored.", finished),
        **_errors(_PUT_ERRORS),
    }
    put = operation("put_blob", "Send the bytes of a part, by a signed URL.", [], written)
    put["requestBody"] = {"required": True, "content": _BINARY}
    headless = {status: {"description": reply["description"]} for status, reply in read.items()}
    return {
        "get": operation("get_blob", "Read the bytes of a part.", ranges, read),
        "head": operation("head_blob", "Ask what a GET would answer.", [], headless),
        "put": put,
        "options": {
            "operationId": "blob_options",
            "summary": "Ask what a page of another origin may do.",
            "tags": ["bytes"],
            "parameters": [key],
            "responses": {"204": {"description": "Methods and headers that are taken."}, **_errors((400, 404, 500))},
        },
    }


def _webhook_operations() -> JSON:
    def operation(name: str, summary: str) -> JSON:
        settled = {"204": {"description": "Settled: not to be delivered again."}}
        return {
            "operationId": name,
            "summary": summary,
            "tags": ["webhooks"],
            "requestBody": {"required": True, "content": {_JSON: {"schema": {"type": "object"}}}},
            "responses": settled | _errors(_WEBHOOK_ERRORS),
        }

    return {
        "/webhooks/gcs/pubsub": operation("webhook_pubsub", "Take a notification that Pub/Sub pushes."),
        "/webhooks/gcs/channel": operation("webhook_channel", "Take an object change notification."),
    }


def _plain_operations() -> JSON:
    def operation(name: str, summary: str, media: str, *also: int) -> JSON:
        schema = {"type": "object"} if media == _JSON else _TEXT
        reply = {"description": summary, "content": {media: {"schema": schema}}}
        responses = {str(status): reply for status in (200, *also)} | _errors((400, 500))
        return {"operationId": name, "summary": summary, "tags": ["operation"], "responses": responses}

    return {
        "/healthz": operation("healthz", "Whether the process lives.", _JSON),
        "/readyz": operation("readyz", "Whether the stores answer, part by part.", _JSON, 503),
        "/metrics": operation("metrics", "Counters, in the text form of Prometheus.", "text/plain"),
        "/openapi.json": operation("openapi", "This description.", _JSON),
        "/docs": operation("docs", "This description, for people.", "text/html"),
        "/": operation("index", "The page of one's own files.", "text/html"),
    }


def _reply(description: str, schema: JSON) -> JSON:
    return {"description": description, "content": {_JSON: {"schema": schema}}}


def _errors(statuses: tuple[int, ...]) -> JSON:
    codes: dict[int, list[str]] = {}
    for code, cls in error_classes().items():
        codes.setdefault(cls.http_status, []).append(code)
    return {str(status): _reply(", ".join(codes.get(status, ["bad_request"])), _ERROR) for status in statuses}
