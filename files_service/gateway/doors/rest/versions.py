"""``/api/files/{file_id}/versions`` and ``/version``: former contents of a file, for its owner."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from files_service.core import Core
from files_service.domain.filenames import save_as
from files_service.domain.versions import as_content
from files_service.gateway.auth.callers import caller_of, holders_of
from files_service.gateway.calls import call
from files_service.gateway.query import flag
from files_service.gateway.replies import bad_field, json_reply
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.body import most_of, parse_object, read_small, require_json
from files_service.gateway.transfer.parts import Found, part_headers, part_of, send_part
from files_service.services.versions.history import load_history, require_version


async def list_versions(request: web.Request) -> web.StreamResponse:
    """Reply with all versions, the newest first."""
    return await _call(request, "versions.list")


async def set_version(request: web.Request) -> web.StreamResponse:
    """Make the version current again; with ``{"label": …}``, set its label instead."""
    gateway, caller = gateway_of(request), caller_of(request)
    if not request.can_read_body or request.content_length == 0:
        return await _call(request, "versions.restore", version_id=request.match_info["version_id"])
    require_json(request)
    body = parse_object(await read_small(request, gateway.limits, most=most_of(caller, gateway.limits)), gateway.limits)
    if not body:
        return await _call(request, "versions.restore", version_id=request.match_info["version_id"])
    if set(body) != {"label"}:
        raise bad_field("body", "Must be an object with label alone, or empty.")
    return await _call(request, "versions.label", version_id=request.match_info["version_id"], label=body["label"])


async def remove_version(request: web.Request) -> web.StreamResponse:
    """Remove the former content."""
    return await _call(request, "versions.remove", version_id=request.match_info["version_id"])


async def download_version(request: web.Request) -> web.StreamResponse:
    """Send the bytes of a part of the version, by default the first."""
    gateway, actor, inline = gateway_of(request), caller_of(request).actor, flag(request, "inline")
    find, named = gateway.counted("versions.download", _find), request.match_info
    with gateway.downloads.take(*holders_of(request, actor), f"file {named['file_id']}"):
        found = await gateway.calls.run(
            find, gateway.core, named["file_id"], named["version_id"], request.query.get("part"), actor
        )
        kind, name = "inline" if inline else "attachment", save_as(found.record, found.part)
        headers = part_headers(found, kind, name, "private, max-age=60") | {"Vary": "Authorization"}
        return await send_part(request, gateway, found, headers)


async def _call(request: web.Request, method: str, **params: Any) -> web.StreamResponse:
    params |= {"file_id": request.match_info["file_id"], "actor": caller_of(request).actor}
    return json_reply(await call(request, method, params))


def _find(core: Core, file_id: str, version_id: str, part_id: str | None, actor: str | None) -> Found:
    record = load_history(core, file_id, actor)
    return part_of(as_content(record, require_version(record, version_id)), part_id, core)
