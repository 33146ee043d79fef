"""Pages from templates. Values are escaped; a page runs only scripts of the package."""

from __future__ import annotations

import secrets
import time
from decimal import Decimal
from functools import cache
from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from files_service.domain.analytics import OTHER, kind_of
from files_service.domain.sizes import shown_size
from files_service.gateway.auth.people import identity_of
from files_service.gateway.pages.assets import build, scripts_of
from files_service.gateway.pages.frame import PRODUCT, map_of
from files_service.gateway.state import at_operation_address, gateway_of
from files_service.gateway.transfer.disposition import preview_of
from storage_adapters import JSON, category_of

MAX_THUMBNAIL_BYTES = 2_000_000
_LABELS = {"image": "Picture", "video": "Video", "audio": "Audio", "document": "Document", "archive": "Archive"}
_JOINERS = "\u200c\u200d"
# Scripts carry a nonce of the reply, because files of users have addresses of this origin, too.
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def render(request: web.Request, name: str, *, status: int = 200, **values: Any) -> web.Response:
    """Reply with a page."""
    nonce = secrets.token_urlsafe(16)
    home = gateway_of(request).core.settings.public_url if at_operation_address(request) else base_of(request)
    values = {"base": base_of(request), "home": home, "viewer": None, "nonce": nonce, "screen": "", **values}
    values |= {"map": map_of(identity_of(request)), "build": build(), "product": PRODUCT, "scripts_of": scripts_of}
    response = web.Response(text=_environment().get_template(name).render(values), status=status)
    response.content_type = "text/html"
    response.headers["Content-Security-Policy"] = POLICY.format(nonce=nonce)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    # Without any referrer, a form would be sent with the origin "null", as if it came from elsewhere.
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def redirect(request: web.Request, path: str) -> web.Response:
    """Redirect to another address of the gateway, to be read."""
    return web.Response(status=303, headers={"Location": base_of(request) + path, "Cache-Control": "no-store"})


def base_of(request: web.Request) -> str:
    """Return the path that precedes all paths: that of the public address."""
    return "" if at_operation_address(request) else gateway_of(request).core.settings.public_path


def shown_name(name: str) -> str:
    """Return the name with a mark for each control character: those of direction could disguise it.

    Joiners stay: they belong to words and to emoji.
    """
    return "".join("\N{REPLACEMENT CHARACTER}" if category_of(c)[0] == "C" and c not in _JOINERS else c for c in name)


def icon_of(content_type: str | None) -> str:
    """Return the icon of files of a content type."""
    kind = kind_of(content_type or "")
    return kind if kind != OTHER else "file"


def kind_label(content_type: str | None) -> str:
    """Return the kind of files of a content type for people, "" for one that has no word."""
    return _LABELS.get(kind_of(content_type or ""), "")


def is_small_picture(file: JSON) -> bool:
    """Return True for a picture that is small enough to be its own preview where none was made."""
    is_picture = file["status"] == "processed" and preview_of(file["content_type"] or "") == "image"
    return is_picture and file["size"] <= MAX_THUMBNAIL_BYTES


def shown_time(at: int) -> str:
    """Return a time in UTC; the page converts it to the reader's zone."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at / 1000))


def machine_time(at: int) -> str:
    """Return a time in the form of an attribute."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at / 1000))


def gigabytes(size_bytes: int) -> str:
    """Return a size in GB to the byte, so that a form that is sent unchanged changes nothing."""
    return f"{Decimal(size_bytes).scaleb(-9).normalize():f}"


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
    environment.filters |= {
        "preview": preview_of,
        "gigabytes": gigabytes,
        "icon_of": icon_of,
        "kind_label": kind_label,
        "is_small_picture": is_small_picture,
    }
    return environment
