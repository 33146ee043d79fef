"""The pages for people: where to find what, and the description of the API. No script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from html import escape
from typing import Any

from aiohttp import web

from files_service.gateway.identity import owner_of_token
from files_service.gateway.openapi import document
from files_service.gateway.replies import Refused
from files_service.gateway.state import gateway_of

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1b1f24; }
code, pre { font: 14px/1.5 ui-monospace, monospace; }
pre { background: #f4f5f7; padding: .75rem; overflow-x: auto; }
summary { cursor: pointer; } summary code { font-weight: 600; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid #d8dce1; padding: .3rem .6rem; text-align: left; vertical-align: top; }
.bad { color: #a40e26; }
@media (prefers-color-scheme: dark) {
  body { background: #15181c; color: #dfe3e8; } pre { background: #1f242a; } a { color: #7db7ff; }
  td, th { border-color: #363c44; } .bad { color: #ff8f9c; }
}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_LINKS = {
    "/docs": "The API: every method, its parameters, its errors.",
    "/openapi.json": "The same for programs (OpenAPI 3.1).",
    "/healthz": "The process lives.",
    "/readyz": "Its stores answer.",
    "/metrics": "Counters, for Prometheus.",
}


def _page(title: str, body: str) -> web.Response:
    text = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>{body}</body></html>\n'
    )
    return web.Response(
        text=text, content_type="text/html", headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    )


async def index(request: web.Request) -> web.StreamResponse:
    """Say where to find what, and to the bearer of a sign-in link who he is."""
    rows = "".join(f'<tr><td><a href="{path}">{path}</a></td><td>{text}</td></tr>' for path, text in _LINKS.items())
    token = request.query.get("token")
    signed_in = _signed_in(request, token) if token is not None else ""
    return _page("Files", f"<h1>Files</h1>{signed_in}<table>{rows}</table>")


def _signed_in(request: web.Request, token: str) -> str:
    core = gateway_of(request).core
    try:
        owner = owner_of_token(token, core.settings.jwt_secret)
    except Refused as error:
        return f'<p class="bad">Not signed in: {escape(str(error))}. A new link: <code>files token OWNER</code></p>'
    command = (
        f"curl {core.settings.public_url}/rpc/files.list \\\n"
        f"     -H 'Authorization: Bearer {token}' \\\n     -H 'Content-Type: application/json' \\\n"
        f"     -d '{json.dumps({'owner': owner})}'"
    )
    return f"<p>You are <strong>{escape(owner)}</strong>. Your files:</p><pre>{escape(command)}</pre>"


async def docs(request: web.Request) -> web.StreamResponse:
    """Show the description of the API."""
    return _page("Files: the API", _docs())


@cache
def _docs() -> str:
    described = document()
    parts = [f"<h1>{escape(described['info']['title'])} {escape(described['info']['version'])}</h1>"]
    parts.append(f"<p>{escape(described['info']['description'])}</p>")
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            parts.append(_operation(method.upper(), path, operation))
    return "".join(parts)


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    head = f"<summary><code>{method} {escape(path)}</code> {escape(operation['summary'])}</summary>"
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
    answers = "".join(
        f"<tr><td>{status}</td><td>{escape(answer['description'])}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    parameters = f"<h4>Parameters</h4><table>{''.join(rows)}</table>" if rows else ""
    return f"<details>{head}{parameters}<h4>Answers</h4><table>{answers}</table></details>"


def _row(name: str, schema: dict[str, Any], *, required: bool) -> str:
    kind = schema.get("type") or " | ".join(json.dumps(each) for each in schema.get("enum", ())) or "any"
    kind = " | ".join(kind) if isinstance(kind, list) else kind
    default = "required" if required else f"default {json.dumps(schema['default'])}" if "default" in schema else ""
    description = escape(schema.get("description", ""))
    return (
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{escape(default)}</td>"
        f"<td>{description}</td></tr>"
    )
