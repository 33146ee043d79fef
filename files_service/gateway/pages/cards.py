"""``/cards``: the memory cards of the viewer, their sessions, and one session with its verdict and its files."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from files_service.errors import BadRequest, NotFound
from files_service.gateway.pages.rendering import redirect, render
from files_service.gateway.pages.session import viewer_of
from files_service.gateway.state import gateway_of
from storage_adapters import JSON

PER_PAGE = 50
FILES_PER_PAGE = 200
STATES = {
    "copying": "being copied",
    "interrupted": "interrupted",
    "uploaded": "copied, not verified yet",
    "verifying": "being verified",
    "safe": "safe to format",
    "copied_not_verified": "copied once",
    "not_safe": "not safe to format",
    "stale": "changed since its verdict",
}
PERMISSIONS = {"unknown": "not decided", "allowed": "copied by itself", "ignored": "ignored"}
STATUSES = {
    "uploaded": "copied",
    "known": "was there before",
    "unreadable": "cannot be read",
    "changed": "changed while it was read",
    "excluded": "left out",
    "missing": "was gone",
}


async def cards(request: web.Request) -> web.StreamResponse:
    """Show the sessions, the newest first, and the cards."""
    viewer = viewer_of(request)
    if viewer is None:
        return redirect(request, "/")
    sessions = await _page(request, "cards.sessions", {"owner": viewer, "actor": viewer, "limit": PER_PAGE})
    found = await _call(request, "cards.list", {"owner": viewer, "actor": viewer, "limit": 100})
    return render(
        request,
        "cards.html",
        viewer=viewer,
        sessions=sessions["sessions"],
        following=_following(sessions),
        begun=bool(request.query.get("cursor")),
        cards=found["cards"],
        states=STATES,
        permissions=PERMISSIONS,
    )


async def card_session(request: web.Request) -> web.StreamResponse:
    """Show a session."""
    viewer = viewer_of(request)
    if viewer is None:
        return redirect(request, "/")
    named = {"session_id": request.match_info["session_id"], "actor": viewer}
    try:
        session = await _call(request, "cards.session", named)
    except (NotFound, BadRequest):
        message = "The link may be wrong, or the session is another person's."
        return render(
            request, "refused.html", status=404, title="There is no such session", message=message, viewer=viewer
        )
    files = await _page(request, "cards.files", {**named, "limit": FILES_PER_PAGE})
    return render(
        request,
        "card_session.html",
        viewer=viewer,
        session=session,
        files=files["files"],
        following=_following(files),
        begun=bool(request.query.get("cursor")),
        states=STATES,
        statuses=STATUSES,
    )


async def _page(request: web.Request, method: str, params: JSON) -> JSON:
    """Return a page from the cursor of the address on; an old cursor is the beginning."""
    cursor = request.query.get("cursor")
    try:
        return await _call(request, method, {**params, **({"cursor": cursor} if cursor else {})})
    except BadRequest:
        return await _call(request, method, params)


async def _call(request: web.Request, method: str, params: JSON) -> JSON:
    gateway = gateway_of(request)
    found: JSON = await gateway.calls.run(gateway.invoke, method, params)
    return found


def _following(page: JSON) -> str:
    return urlencode({"cursor": page["next_cursor"]}) if page["next_cursor"] else ""
