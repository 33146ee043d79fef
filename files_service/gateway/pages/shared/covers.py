"""The picture of an open link: ``GET /s/{key}/cover``, through the gate of the page.

One is made at a time, because it takes a subprocess; the last ones are kept in memory, by the preview that they are
made of, whose bytes never change.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from aiohttp import web

from files_service.core import Core
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
    """Send the picture of an open link."""
    gateway, key = gateway_of(request), request.match_info["key"]
    with gateway.downloads.take(peer_holder(request), f"cover of {key}"):
        part = await gateway.calls.run(_find, gateway.core, key, visit_of(request))
        data = await request.config_dict[COVERS].of(gateway, part)
    headers = {"Cache-Control": "private, no-store", "Content-Security-Policy": "sandbox; default-src 'none'"}
    return web.Response(body=data, content_type="image/webp", headers=headers)


def _find(core: Core, key: str, visit: Visit) -> Part:
    opened = open_share(core, key, visit)
    if not opened.share.kind.shows_files:
        raise NotFound("the link has no picture")
    return preview_for_cover(core, opened.share)
