"""``/api/timeline``: files.timeline, about the caller unless it names another owner."""

from __future__ import annotations

from aiohttp import web

from files_service.gateway.calls import call, queried
from files_service.gateway.replies import json_reply


async def timeline(request: web.Request) -> web.StreamResponse:
    """Reply with the months, or with a page of the files of one."""
    given = queried(request, "owner", "month", "kind", "cursor", most=100)
    return json_reply(await call(request, "files.timeline", given))
