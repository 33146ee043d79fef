"""``/activity``: the notices of the viewer, the jobs that run, and what visitors did with the newest links."""

from __future__ import annotations

from aiohttp import web

from files_service.errors import NotSupported
from files_service.gateway.pages.calls import call, first_and_following, page_of
from files_service.gateway.pages.links import name_of
from files_service.gateway.pages.rendering import render
from files_service.gateway.pages.session import for_viewer
from storage_adapters import JSON

PER_PAGE = 30
EVENTS_OF = 20
_EVENTS = {
    "opened": "opened",
    "unlocked": "opened with the password",
    "wrong_password": "wrong password",
    "downloaded": "downloaded",
    "uploaded": "uploaded",
}


@for_viewer
async def activity(request: web.Request, viewer: str) -> web.StreamResponse:
    """Show the notices, the newest first; on the first page with the jobs and the visits."""
    own = {"owner": viewer, "actor": viewer}
    try:
        found = await page_of(request, "notices.list", {**own, "limit": PER_PAGE})
    except NotSupported:
        found = {"notices": [], "next_cursor": None, "unread": 0}
    links = first_and_following(request, "/activity", {}, found)
    is_first = not links["first"]
    return render(
        request,
        "activity.html",
        screen="activity",
        viewer=viewer,
        notices=found["notices"],
        events=await _visits(request, own) if is_first else [],
        jobs=(await call(request, "jobs.list", own))["jobs"] if is_first else [],
        **links,
    )


async def _visits(request: web.Request, own: JSON) -> list[JSON]:
    shares = (await call(request, "shares.list", {**own, "limit": EVENTS_OF}))["shares"]
    rows: list[JSON] = []
    for share in shares:
        found = await call(request, "shares.events", {"share_id": share["share_id"], "actor": own["actor"]})
        rows += [{**each, "what": _EVENTS[each["event"]], "name": name_of(share)} for each in found["events"]]
    return sorted(rows, key=lambda row: -row["at"])[:100]
