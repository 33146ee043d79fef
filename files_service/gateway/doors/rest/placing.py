"""``/api/files/{file_id}/move``, ``…/restore`` and ``/api/files/bulk``: the place of files."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from files_service.gateway.auth.callers import caller_of
from files_service.gateway.replies import bad_field, json_reply
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.body import most_of, parse_object, read_small, require_json


async def move(request: web.Request) -> web.StreamResponse:
    """Move the file: the body has ``path``, or ``folder``."""
    body = {**await _body(request), "file_id": request.match_info["file_id"]}
    return await _call(request, "files.move", body)


async def restore(request: web.Request) -> web.StreamResponse:
    """Take the file out of the trash."""
    return await _call(request, "files.restore", {"file_id": request.match_info["file_id"]})


async def bulk(request: web.Request) -> web.StreamResponse:
    """Do one action to many files."""
    return await _call(request, "files.bulk", await _body(request, many=True))


async def _body(request: web.Request, *, many: bool = False) -> dict[str, Any]:
    caller, limits = caller_of(request), gateway_of(request).limits
    require_json(request)
    body = parse_object(await read_small(request, limits, most=most_of(caller, limits, many=many)), limits)
    if given := {"actor", "file_id", "file_ids"} & set(body):
        raise bad_field(min(given), "Unknown field.")
    return body


async def _call(request: web.Request, method: str, params: dict[str, Any]) -> web.StreamResponse:
    gateway, caller = gateway_of(request), caller_of(request)
    return json_reply(await gateway.calls.run(gateway.invoke, method, {**params, "actor": caller.actor}))
