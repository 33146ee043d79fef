"""``/docs``: the description of the API as a page."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from files_service.gateway.openapi import document_of
from files_service.gateway.pages.rendering import render
from files_service.gateway.pages.session import viewer_of
from files_service.gateway.state import at_operation_address


async def docs(request: web.Request) -> web.StreamResponse:
    """Show the description of the API."""
    document = document_of(request)
    operations = [
        _operation(method.upper(), path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    # A session belongs to the public address, where its owner can end it.
    viewer = None if at_operation_address(request) else viewer_of(request)
    return render(request, "reference.html", viewer=viewer, info=document["info"], operations=operations)


def _operation(method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    required = set(body.get("required", ()))
    rows = [_row(name, schema, required=name in required) for name, schema in body.get("properties", {}).items()]
    rows += [
        _row(
            f"{each['name']} ({each['in']})",
            {"description": each.get("description", ""), **each["schema"]},
            required=each.get("required", False),
        )
        for each in operation.get("parameters", ())
    ]
    return {
        "method": method,
        "path": path,
        "summary": operation["summary"],
        "parameters": rows,
        "answers": [(status, answer["description"]) for status, answer in operation["responses"].items()],
    }


def _row(name: str, schema: dict[str, Any], *, required: bool) -> tuple[str, str, str, str]:
    kind = schema.get("type") or " | ".join(json.dumps(each) for each in schema.get("enum", ())) or "any"
    kind = " | ".join(kind) if isinstance(kind, list) else kind
    default = "required" if required else f"default {json.dumps(schema['default'])}" if "default" in schema else ""
    return name, kind, default, schema.get("description", "")
