"""The OpenAPI 3.1 description, assembled from the routes of the doors and the schemas of the methods."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

from aiohttp import web
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from files_service.api import METHODS
from files_service.errors import error_classes
from files_service.gateway.auth.callers import nobody
from files_service.gateway.cors import preflight
from files_service.gateway.replies import json_reply
from files_service.gateway.routes import Door, Route
from storage_adapters import JSON

JSON_TYPE = "application/json"
TEXT: JSON = {"type": "string"}
FLAG: JSON = {"type": "string", "enum": ["0", "1"]}
BINARY: JSON = {"schema": {"type": "string", "format": "binary"}}
ANY_BYTES: JSON = {"*/*": {}}
# The replies to a conditional request for bytes, or for a range of them.
READ_REPLIES: Mapping[int, JSON] = {
    200: {"description": "The bytes.", "content": ANY_BYTES},
    206: {"description": "A range of the bytes.", "content": ANY_BYTES},
    304: {"description": "Not modified."},
}
_ERROR = {"$ref": "#/components/schemas/Error"}


class Description:
    """The description of these doors, whose addresses follow ``base``; assembled when it is first read."""

    def __init__(self, doors: Sequence[Door], base: str = "") -> None:
        self._doors, self._base = doors, base

    @cached_property
    def document(self) -> JSON:
        """The OpenAPI document."""
        return assemble(self._doors, self._base)


DOCUMENT = web.AppKey("document", Description)


async def serve_document(request: web.Request) -> web.StreamResponse:
    """Reply with the description."""
    headers = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}
    return json_reply(document_of(request), headers=headers)


def document_of(request: web.Request) -> JSON:
    """Return the description of the request's gateway."""
    return request.config_dict[DOCUMENT].document


def reply(description: str, schema: JSON | None = None, media: str = JSON_TYPE) -> JSON:
    """Describe a reply, by default a JSON object."""
    return {"description": description, "content": {media: {"schema": schema or {"type": "object"}}}}


def parameter(
    name: str, place: str, schema: JSON | None = None, *, required: bool = False, description: str = ""
) -> JSON:
    """Describe a parameter, by default text."""
    described = {"description": description} if description else {}
    return {"name": name, "in": place, "required": required or place == "path", **described, "schema": schema or TEXT}


def query(**schemas: JSON) -> list[JSON]:
    """Describe optional parameters in the query."""
    return [parameter(name, "query", schema) for name, schema in schemas.items()]


def json_body(schema: JSON) -> JSON:
    """Describe a JSON body, which is required."""
    return {"required": True, "content": {JSON_TYPE: {"schema": schema}}}


def schema_of(method: str) -> JSON:
    """Return the JSON schema of the parameters of an API method."""
    plugin = MarshmallowPlugin(schema_name_resolver=_inline)
    APISpec(title="", version="", openapi_version="3.1.0", plugins=[plugin])
    schema = plugin.converter.schema2jsonschema(METHODS[method].schema)  # type: ignore[union-attr]
    found: JSON = _with_ecma_patterns(schema)
    return found


def body_schema(method: str, without: Sequence[str]) -> JSON:
    """Return the JSON schema of the parameters of an API method that a body may have."""
    schema = schema_of(method)
    properties = {name: each for name, each in schema.get("properties", {}).items() if name not in without}
    required = [name for name in schema.get("required", []) if name in properties]
    return {**schema, "properties": properties, "required": required}


def parameters_of(method: str) -> JSON:
    """Return the JSON schemas of the parameters of an API method, by name."""
    properties: JSON = schema_of(method).get("properties", {})
    return properties


def preflight_route(path: str, name: str, *parameters: JSON) -> Route:
    """Make the row of an address that answers preflight requests."""
    summary = "Ask what a page of another origin may do."
    replies = {204: {"description": "Methods and headers that are allowed."}}
    return Route("OPTIONS", path, preflight, name, summary, replies, parameters)


def assemble(doors: Iterable[Door], base: str = "") -> JSON:
    """Return the whole description; ``base`` precedes all paths."""
    spec = APISpec(
        title="Files service",
        version=version("files-service"),
        openapi_version="3.1.0",
        info={"description": "Methods are called by POST /rpc/{method}; bytes go to and come from signed URLs."},
        servers=[{"url": base or "/"}],
    )
    _components(spec)
    for door in doors:
        for route in door.described() if door.described is not None else door.routes:
            path = re.sub(r":[^}]+", "", route.path)
            spec.path(path, operations={route.method.lower(): _operation(door, route, path)})
    described: JSON = spec.to_dict()
    return described


def _inline(_schema: object) -> Any:
    """Give no name to a nested schema: it stands where it is used."""
    return False


def _operation(door: Door, route: Route, path: str) -> JSON:
    named = {each["name"] for each in route.parameters}
    in_path = [parameter(name, "path") for name in re.findall(r"\{(\w+)\}", path) if name not in named]
    errors = _errors(door.errors if route.errors is None else route.errors, door.error_types)
    replies = {str(status): each for status, each in route.replies.items()} | errors
    if route.method == "HEAD":
        replies = {status: {"description": each["description"]} for status, each in replies.items()}
    is_secured = door.authenticate is not nobody and route.method != "OPTIONS"
    return {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag or door.tag],
        **({"security": [{"bearer": []}]} if is_secured else {}),
        "parameters": [*in_path, *route.parameters],
        **({"requestBody": route.body} if route.body is not None else {}),
        "responses": replies,
    }


def _components(spec: APISpec) -> None:
    spec.components.security_scheme(
        "bearer",
        {
            "type": "http",
            "scheme": "bearer",
            "description": "The RPC token, an end user's JWT, or the token of a session or API key.",
        },
    )
    error = {
        "type": "object",
        "required": ["code", "message", "details"],
        "properties": {
            "code": {"type": "string", "enum": sorted(error_classes())},
            "message": TEXT,
            "details": {"type": "object", "description": "`fields` names each field at fault."},
        },
    }
    envelope = {"type": "object", "required": ["error"], "properties": {"error": error, "request_id": TEXT}}
    spec.components.schema("Error", envelope)


def _with_ecma_patterns(value: Any) -> Any:
    """Anchor the patterns: those of Python match at the start, those of JSON Schema anywhere."""
    if isinstance(value, list):
        return [_with_ecma_patterns(each) for each in value]
    if not isinstance(value, dict):
        return value
    changed = {name: _with_ecma_patterns(each) for name, each in value.items()}
    if isinstance(pattern := changed.get("pattern"), str):
        changed["pattern"] = "^(?:" + re.sub(r"\\Z$", "", pattern).lstrip("^").removesuffix("$") + ")$"
    return changed


def _errors(statuses: Sequence[int], types: Sequence[str]) -> JSON:
    codes: dict[int, list[str]] = {}
    for code, cls in error_classes().items():
        codes.setdefault(cls.http_status, []).append(code)
    content = {each: {"schema": _ERROR if each == JSON_TYPE else TEXT} for each in types}
    return {
        str(status): {"description": ", ".join(codes.get(status, ["bad_request"])), "content": content}
        for status in statuses
    }
