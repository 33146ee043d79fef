"""``/docs/style``: every component of the pages in both themes, for those who change them; in development alone."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from aiohttp import web

from files_service.errors import NotFound
from files_service.gateway.pages.charts import bars_of
from files_service.gateway.pages.listing import ACCESSES
from files_service.gateway.pages.rendering import render
from files_service.gateway.state import gateway_of
from storage_adapters import JSON

_LONG = "Failed with a name that is so long that it needs more than one line on every phone.txt"
_AT = 1_784_000_000_000
_TOKENS = re.compile(r":root \{([^}]*)\}")
_ICON = re.compile(r'<symbol id="([^"]+)"')
# What floats over a page stands in its place here; states that a pointer or a key brings are shown by a class.
_FRAME = """
.theme { padding: var(--s6); overflow-x: clip; background: var(--ground); color: var(--text); }
.theme section { margin-bottom: var(--s8); }
.theme h3 { color: var(--muted); font-size: var(--small); font-weight: 600; }
.theme :is(.toasts, .tray, dialog, .panel, .chosen, .menu > :not(summary)) { position: static; margin: 0 0 var(--s3); }
.theme .icons {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); gap: var(--s2); padding: 0;
  list-style: none;
}
.theme .icons li { display: grid; justify-items: center; padding: var(--s2); font-size: var(--small); }
.theme .has-focus { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: var(--r1); }
.alone main { max-width: none; padding: 0; }
@media (min-width: 70rem) { .themes { display: grid; grid-template-columns: 1fr 1fr; } .theme { min-width: 0; } }
"""


async def components(request: web.Request) -> web.StreamResponse:
    """Show the components, by the templates of the pages."""
    _require_development(request)
    return render(
        request,
        "style.html",
        icons=_icons(),
        files=_files(),
        notices=_notices(),
        days=_days(),
        bars=bars_of(_days()),
        accesses=ACCESSES,
        folder="",
    )


async def themes(request: web.Request) -> web.StreamResponse:
    """Send the tokens of both themes as classes, so that one page shows both."""
    _require_development(request)
    return web.Response(text=_themes(), content_type="text/css", headers={"Cache-Control": "no-cache"})


def _require_development(request: web.Request) -> None:
    if not gateway_of(request).core.settings.development:
        raise NotFound("there is nothing at this address")


@cache
def _themes() -> str:
    light, dark = _TOKENS.findall(_static("style.css"))
    of_light = light.replace("color-scheme: light dark", "color-scheme: light")
    return f".light, .dark {{{of_light}}}\n.dark {{color-scheme: dark;{dark}}}\n{_FRAME}"


@cache
def _icons() -> list[str]:
    return sorted(_ICON.findall(_static("icons.svg")))


def _static(name: str) -> str:
    return (files(__package__) / "static" / name).read_text()


def _files() -> list[JSON]:
    """Return a file of each access and of each state."""
    shown = [
        ("Private picture.jpg", "image/jpeg", "processed", "private"),
        ("Shared with people.pdf", "application/pdf", "processed", "shared"),
        ("Behind a link.mp4", "video/mp4", "processed", "unlisted"),
        ("Public.zip", "application/zip", "processed", "public"),
        ("Incomplete.mov", "video/quicktime", "pending", "private"),
        ("Processing.wav", "audio/wav", "processing", "private"),
        (_LONG, "text/plain", "failed", "private"),
    ]
    return [
        {
            "file_id": f"{number:026}",
            "revision": 1,
            "name": name,
            "path": f"Trips/{name}",
            "content_type": content_type,
            "status": status,
            "access": access,
            # Of more bytes than a thumbnail has: there is no file behind the row.
            "size": 48_000_000 + number,
            "created_at": _AT,
            "derived": [],
        }
        for number, (name, content_type, status, access) in enumerate(shown)
    ]


def _notices() -> list[JSON]:
    kinds = ("uploaded", "received", "downloaded", "trashed", "upload_failed", "safe", "not_safe", "quota_low")
    return [
        {
            "notice_id": str(number),
            "kind": kind,
            "at": _AT,
            "name": "Wedding",
            "count": 1 + number % 3,
            "bytes": 48_000_000,
            "file_ids": [f"{number:026}"] * (1 + number % 3),
            "facts": {"used": 95_000_000_000, "quota": 100_000_000_000, "sender": "Eve", "failed": 2},
            "read": number > 3,
        }
        for number, kind in enumerate(kinds)
    ]


def _days() -> list[JSON]:
    return [
        {"day": f"2026-11-{day:02}", "used": (day * 37 % 11) * 10_000_000, "count": day % 5} for day in range(1, 31)
    ]
