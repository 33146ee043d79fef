"""The scripts and the style of the pages: files of the package, read once."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from aiohttp import web

from files_service.errors import NotFound
from files_service.gateway.transfer.conditions import Representation, evaluate

# A script that another one loads before it runs.
_IMPORT = re.compile(r'^import [^;]*"\./([a-z_]+\.js)";$', re.MULTILINE)
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file with its type and validators."""

    body: bytes
    packed: bytes
    content_type: str
    representation: Representation
    packed_representation: Representation


async def static(request: web.Request) -> web.StreamResponse:
    """Send one of the files."""
    asset = _assets().get(request.match_info["name"])
    if asset is None:
        raise NotFound("there is nothing at this address")
    packs = "gzip" in request.headers.get("Accept-Encoding", "")
    body, representation = asset.body, asset.representation
    if packs:
        body, representation = asset.packed, asset.packed_representation
    headers = {"ETag": representation.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if evaluate("HEAD", request.headers, representation).status == 304:
        return web.Response(status=304, headers=headers)
    if packs:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=body, content_type=asset.content_type, charset="utf-8", headers=headers)


@cache
def build() -> str:
    """Return a name that is another one when any script or style is another one."""
    tags = "".join(asset.representation.tag for _, asset in sorted(_assets().items()))
    return hashlib.sha256(tags.encode()).hexdigest()[:16]


@cache
def scripts_of(*names: str) -> tuple[str, ...]:
    """Return the scripts of these names with all that they import, in the order in which they are found."""
    found = list(names)
    # A list that grows is walked to its end.
    for name in found:
        found += [each for each in _IMPORT.findall(_assets()[name].body.decode()) if each not in found]
    return tuple(found)


def packed_bytes(suffix: str) -> int:
    """Return the bytes of all files of a suffix, as they are sent."""
    return sum(len(asset.packed) for name, asset in _assets().items() if name.endswith(suffix))


@cache
def _assets() -> dict[str, Asset]:
    found = {}
    for path in (files(__package__) / "static").iterdir():
        body = path.read_bytes()
        tag = hashlib.sha256(body).hexdigest()[:32]
        content_type = _TYPES["." + path.name.rpartition(".")[2]]
        packed = gzip.compress(body, mtime=0)
        plain, small = (
            Representation(size=len(each), tag=tag + end, modified=0) for each, end in ((body, ""), (packed, "z"))
        )
        found[path.name] = Asset(body, packed, content_type, plain, small)
    return found
