"""Templates to answers. What comes from a user is escaped; no page runs a script that is not a file of ours."""

from __future__ import annotations

import secrets
import time
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from files_service.gateway.state import gateway_of
from storage_adapters import category_of

# Scripts are known by a word that is made for each answer: what people have sent has an address of ours, too.
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
# What a browser shows without running anything of it. An SVG is a document: it is not in here.
_SHOWN = {
    "image": frozenset({"image/avif", "image/bmp", "image/gif", "image/jpeg", "image/png", "image/webp"}),
    "video": frozenset({"video/mp4", "video/ogg", "video/quicktime", "video/webm"}),
    "audio": frozenset({"audio/aac", "audio/flac", "audio/mp4", "audio/mpeg", "audio/ogg", "audio/wav", "audio/webm"}),
}


def render(request: web.Request, name: str, *, status: int = 200, **values: Any) -> web.Response:
    """Answer with a page."""
    nonce = secrets.token_urlsafe(16)
    values = {"base": base_of(request), "viewer": None, "nonce": nonce, **values}
    response = web.Response(text=_environment().get_template(name).render(values), status=status)
    response.content_type = "text/html"
    response.headers["Content-Security-Policy"] = POLICY.format(nonce=nonce)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    # Without any referrer, a form would be sent with the origin "null", as if it came from elsewhere.
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def redirect(request: web.Request, path: str) -> web.Response:
    """Answer with another address of ours, which is to be read."""
    return web.Response(status=303, headers={"Location": base_of(request) + path, "Cache-Control": "no-store"})


def base_of(request: web.Request) -> str:
    """What stands before all paths where the public address has a path."""
    return urlsplit(gateway_of(request).core.settings.public_url).path.rstrip("/")


def preview_of(content_type: str) -> str:
    """Which element shows the type: ``image``, ``video``, ``audio``, or "" for none."""
    plain = content_type.partition(";")[0].strip().lower()
    return next((kind for kind, types in _SHOWN.items() if plain in types), "")


def shown_name(name: str) -> str:
    """The name with a mark where it has controls: those of direction would make it look like another."""
    return "".join("\N{REPLACEMENT CHARACTER}" if category_of(c)[0] == "C" else c for c in name)


def shown_size(size: int) -> str:
    """A size as people say it."""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 or value >= 99.95 else f"{value:.1f} {_UNITS[unit]}"


def shown_time(at: int) -> str:
    """A time in UTC; the page says it in the reader's zone."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at / 1000))


def machine_time(at: int) -> str:
    """A time as the attribute of an element has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at / 1000))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("files_service.gateway.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = {"name": shown_name, "size": shown_size, "time": shown_time, "machine_time": machine_time}
    environment.filters |= {f"shown_{name}" if name != "machine_time" else name: each for name, each in shown.items()}
    environment.filters["preview"] = preview_of
    return environment
