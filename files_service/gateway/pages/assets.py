"""The scripts and the style of the pages: files of the package, read once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from aiohttp import web

from files_service.errors import NotFound
from files_service.gateway.transfer.conditions import Representation, evaluate

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file with its type and validators."""

    body: bytes
    content_type: str
    representation: Representation


async def static(request: web.Request) -> web.StreamResponse:
    """Send one of the files."""
    asset = _assets().get(request.match_info["name"])
    if asset is None:
        raise NotFound("there is nothing at this address")
    headers = {"ETag": asset.representation.etag, "Cache-Control": "no-cache"}
    if evaluate("HEAD", request.headers, asset.representation).status == 304:
        return web.Response(status=304, headers=headers)
    return web.Response(body=asset.body, content_type=asset.content_type, charset="utf-8", headers=headers)


@cache
def build() -> str:
    """Return a name that is another one when any script or style is another one."""
    tags = "".join(asset.representation.tag for _, asset in sorted(_assets().items()))
    return hashlib.sha256(tags.encode()).hexdigest()[:16]


@cache
def _assets() -> dict[str, Asset]:
    found = {}
    for path in (files(__package__) / "static").iterdir():
        body = path.read_bytes()
        tag = hashlib.sha256(body).hexdigest()[:32]
        content_type = _TYPES["." + path.name.rpartition(".")[2]]
        found[path.name] = Asset(body, content_type, Representation(size=len(body), tag=tag, modified=0))
    return found
