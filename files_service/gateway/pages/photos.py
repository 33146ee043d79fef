"""``/photos``: pictures and videos of the viewer by the month in which they were taken."""

from __future__ import annotations

from datetime import date

from aiohttp import web

from files_service.errors import BadRequest, NotSupported
from files_service.gateway.pages.calls import call, first_and_following, link, page_of
from files_service.gateway.pages.rendering import render
from files_service.gateway.pages.session import for_viewer
from storage_adapters import JSON

PER_PAGE = 100


@for_viewer
async def photos(request: web.Request, viewer: str) -> web.StreamResponse:
    """Show the months, and the pictures and videos of one of them, by default the newest."""
    own = {"owner": viewer, "actor": viewer}
    try:
        months = (await call(request, "files.timeline", own))["months"]
    except NotSupported:
        months = []
    newest = months[0]["month"] if months else ""
    chosen = request.query.get("month", newest) if months else ""
    found: JSON = {"files": [], "next_cursor": None}
    if months:
        try:
            found = await page_of(request, "files.timeline", {**own, "month": chosen, "limit": PER_PAGE})
        except BadRequest:
            chosen = newest
            found = await call(request, "files.timeline", {**own, "month": chosen, "limit": PER_PAGE})
    return render(
        request,
        "photos.html",
        screen="photos",
        viewer=viewer,
        months=[{**each, "title": title_of(each["month"]), "link": _month(request, each["month"])} for each in months],
        month=chosen,
        title=title_of(chosen) if chosen else "",
        files=found["files"],
        cursor=found["next_cursor"],
        **first_and_following(request, "/photos", {"month": chosen}, found),
    )


def title_of(month: str) -> str:
    """Return the month for people: "July 2026"."""
    return date.fromisoformat(f"{month}-01").strftime("%B %Y")


def _month(request: web.Request, month: str) -> str:
    return link(request, "/photos", {"month": month})
