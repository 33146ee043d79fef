"""The picture of an open link: ``GET /s/{key}/cover``, through the gate of the page.

One is made at a time, because it takes a subprocess; the last ones are kept in memory, by the preview that they are
made of, whose bytes never change.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict

from aiohttp import web

from files_service.core import Core
from files_service.domain.uploads import FILE_ID
from files_service.errors import NotFound
from files_service.gateway.pages.shared.visitors import visit_of
from files_service.gateway.peers import peer_holder
from files_service.gateway.state import Gateway, gateway_of
from files_service.services.shares.cover import make_cover, preview_for_cover
from files_service.services.shares.gate import Visit, open_share
from storage_adapters import Part

_KEPT = 16


class Covers:
    """The last pictures of this process."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, bytes] = OrderedDict()
        self._turn = asyncio.Lock()

    async def of(self, gateway: Gateway, part: Part) -> bytes:
        """Return the picture that is made of a preview."""
        if part.key not in self._made:
            async with self._turn:
                if part.key not in self._made:
                    self._made[part.key] = await gateway.transfers.run(make_cover, gateway.core, part)
                    if len(self._made) > _KEPT:
                        self._made.popitem(last=False)
        self._made.move_to_end(part.key)
        return self._made[part.key]


COVERS = web.AppKey("covers", Covers)


async def send(request: web.Request) -> web.StreamResponse:
    """Send the picture of a file that an open link shows."""
    gateway, query = gateway_of(request), request.query
    key, visit = request.match_info["key"], visit_of(request)
    if re.fullmatch(FILE_ID, query.get("file_id", "")) is None:
        raise NotFound("the link has no such picture")
    with gateway.downloads.take(peer_holder(request), "cover"):
        part = await gateway.calls.run(_find, gateway.core, key, visit, query["file_id"], query.get("part", ""))
        data = await request.config_dict[COVERS].of(gateway, part)
    headers = {"Cache-Control": "private, no-store", "Content-Security-Policy": "sandbox; default-src 'none'"}
    return web.Response(body=data, content_type="image/webp", headers=headers)


def _find(core: Core, key: str, visit: Visit, file_id: str, part_id: str) -> Part:
    return preview_for_cover(core, open_share(core, key, visit), file_id, part_id)
