"""``/shared``: the links of the viewer, to files and for files, with what became of them."""

from __future__ import annotations

from aiohttp import web

from files_service.gateway.pages.calls import first_and_following, page_of
from files_service.gateway.pages.rendering import base_of, render
from files_service.gateway.pages.session import for_viewer
from files_service.gateway.state import gateway_of
from storage_adapters import JSON

PER_PAGE = 50


@for_viewer
async def links(request: web.Request, viewer: str) -> web.StreamResponse:
    """Show the links, the newest first."""
    found = await page_of(request, "shares.list", {"owner": viewer, "actor": viewer, "limit": PER_PAGE})
    now = gateway_of(request).core.clock()
    rows = [
        {**each, "link": f"{base_of(request)}/s/{each['key']}", "says": _state_of(each, now)}
        for each in found["shares"]
    ]
    return render(
        request,
        "links.html",
        screen="shared",
        viewer=viewer,
        shares=rows,
        **first_and_following(request, "/shared", {}, found),
    )


def name_of(share: JSON) -> str:
    """Return the name by which an owner knows a link."""
    count = len(share["items"])
    files = f"{count} {'file' if count == 1 else 'files'}" if count else "Link"
    return str(share["label"] or share["title"] or share["path"] or files)


def _state_of(share: JSON, now: int) -> str:
    if share["state"] != "active":
        return str(share["state"]).capitalize()
    if share["expires_at"] is not None and share["expires_at"] <= now:
        return "Expired"
    if share["max_downloads"] is not None and share["used"] >= share["max_downloads"]:
        return "Used up"
    return ""
