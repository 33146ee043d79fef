"""``/cards``: the memory cards of the viewer, their sessions, and one session with its verdict and its files."""

from __future__ import annotations

from aiohttp import web

from files_service.domain.clips.rules import sections
from files_service.errors import BadRequest, NotFound
from files_service.gateway.pages.calls import call, first_and_following, page_of
from files_service.gateway.pages.refusals import refusal_page
from files_service.gateway.pages.rendering import render
from files_service.gateway.pages.session import for_viewer

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
    "stale": "changed or taken again since",
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
ROLES = {"motion": "moving half of the Live Photo", "proxy": "proxy", "sidecar": "sidecar"}


@for_viewer
async def cards(request: web.Request, viewer: str) -> web.StreamResponse:
    """Show the sessions, the newest first, and the cards."""
    sessions = await page_of(request, "cards.sessions", {"owner": viewer, "actor": viewer, "limit": PER_PAGE})
    found = await call(request, "cards.list", {"owner": viewer, "actor": viewer, "limit": 100})
    return render(
        request,
        "cards.html",
        viewer=viewer,
        sessions=sessions["sessions"],
        screen="cards",
        **first_and_following(request, "/cards", {}, sessions),
        cards=found["cards"],
        states=STATES,
        permissions=PERMISSIONS,
    )


@for_viewer
async def card_session(request: web.Request, viewer: str) -> web.StreamResponse:
    """Show a session."""
    named = {"session_id": request.match_info["session_id"], "actor": viewer}
    try:
        session = await call(request, "cards.session", named)
    except (NotFound, BadRequest):
        message = "The link may be wrong, or the session is another person's."
        return refusal_page(request, "There is no such session", message, 404)
    files = await page_of(request, "cards.files", {**named, "limit": FILES_PER_PAGE})
    return render(
        request,
        "card_session.html",
        viewer=viewer,
        session=session,
        sections=sections(files["files"]),
        screen="cards",
        **first_and_following(request, f"/cards/{session['session_id']}", {}, files),
        states=STATES,
        statuses=STATUSES,
        roles=ROLES,
    )
