"""``/shared``: the links of the viewer, to files and for files, with what became of them."""

from __future__ import annotations

from aiohttp import web

from files_service.gateway.pages.calls import call, first_and_following, page_of
from files_service.gateway.pages.rendering import base_of, redirect, render
from files_service.gateway.pages.session import viewer_of
from files_service.gateway.state import gateway_of
from storage_adapters import JSON

PER_PAGE = 50
EVENTS_OF = 20
_EVENTS = {
    "opened": "opened",
    "unlocked": "opened with the password",
    "wrong_password": "wrong password",
    "downloaded": "downloaded",
    "uploaded": "uploaded",
}


async def links(request: web.Request) -> web.StreamResponse:
    """Show the links, the newest first."""
    viewer = viewer_of(request)
    if viewer is None:
        return redirect(request, "/")
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


async def activity(request: web.Request) -> web.StreamResponse:
    """Show what visitors did lately with the newest links, and the jobs."""
    viewer = viewer_of(request)
    if viewer is None:
        return redirect(request, "/")
    own = {"owner": viewer, "actor": viewer}
    shares = (await call(request, "shares.list", {**own, "limit": EVENTS_OF}))["shares"]
    rows: list[JSON] = []
    for share in shares:
        found = await call(request, "shares.events", {"share_id": share["share_id"], "actor": viewer})
        rows += [{**each, "what": _EVENTS[each["event"]], "name": name_of(share)} for each in found["events"]]
    jobs = (await call(request, "jobs.list", own))["jobs"]
    return render(
        request,
        "activity.html",
        screen="activity",
        viewer=viewer,
        events=sorted(rows, key=lambda row: -row["at"])[:100],
        jobs=jobs,
    )


def name_of(share: JSON) -> str:
    """Return the name by which an owner knows a link."""
    return str(share["label"] or share["title"] or share["path"] or f"{len(share['items'])} files")


def _state_of(share: JSON, now: int) -> str:
    if share["state"] != "active":
        return str(share["state"]).capitalize()
    if share["expires_at"] is not None and share["expires_at"] <= now:
        return "Expired"
    if share["max_downloads"] is not None and share["used"] >= share["max_downloads"]:
        return "Used up"
    return ""
