"""``/api/files/{file_id}/metadata``: tags and description of a file."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from files_service.gateway.auth.callers import caller_of
from files_service.gateway.calls import body_of, call
from files_service.gateway.replies import bad_field, json_reply


async def set_metadata(request: web.Request) -> web.StreamResponse:
    """Set the tags and the description of the file, or one of them; null removes them."""
    named = {"file_id": request.match_info["file_id"], "actor": caller_of(request).actor}
    return json_reply(await call(request, "files.update", {**named, "changes": _changes(await body_of(request))}))


def _changes(body: dict[str, Any]) -> dict[str, Any]:
    for name in body:
        if name not in ("tags", "description"):
            raise bad_field(name[:100], "Unknown field.")
    if not body:
        raise bad_field("body", "Must have tags or description.")
    changes = {"tags": body["tags"]} if "tags" in body else {}
    # Meta is merged key by key, and null removes a key.
    return changes | ({"meta": {"description": body["description"]}} if "description" in body else {})
