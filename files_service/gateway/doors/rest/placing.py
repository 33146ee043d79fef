"""``/api/files/{file_id}/move``, ``…/restore`` and ``/api/files/bulk``: the place of files."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from files_service.gateway.auth.callers import caller_of
from files_service.gateway.calls import body_of, call
from files_service.gateway.replies import json_reply


async def move(request: web.Request) -> web.StreamResponse:
    """Move the file: the body has ``path``, or ``folder``."""
    body = {**await body_of(request, "file_id", "file_ids"), "file_id": request.match_info["file_id"]}
    return await _call(request, "files.move", body)


async def restore(request: web.Request) -> web.StreamResponse:
    """Take the file out of the trash."""
    return await _call(request, "files.restore", {"file_id": request.match_info["file_id"]})


async def bulk(request: web.Request) -> web.StreamResponse:
    """Do one action to many files."""
    return await _call(request, "files.bulk", await body_of(request, "file_id", "file_ids", many=True))


async def _call(request: web.Request, method: str, params: dict[str, Any]) -> web.StreamResponse:
    return json_reply(await call(request, method, {**params, "actor": caller_of(request).actor}))
