"""``/trash``: deleted files of the viewer, and the forms that delete and restore files without scripts."""

from __future__ import annotations

from aiohttp import web

from files_service.gateway.pages.calls import call, fields_of, first_and_following, page_of
from files_service.gateway.pages.rendering import redirect, render
from files_service.gateway.pages.session import for_viewer, viewer_of
from files_service.gateway.state import gateway_of

PER_PAGE = 100
MOST_CHOSEN = 1_000


@for_viewer
async def trash(request: web.Request, viewer: str) -> web.StreamResponse:
    """Show the trash, the last deleted first."""
    own = {"owner": viewer, "actor": viewer, "limit": PER_PAGE}
    params = {**own, "trashed": True, "order": "desc", "consistency": "strong"}
    found = await page_of(request, "files.list", params)
    links = first_and_following(request, "/trash", {}, found)
    # Folders stand on the first page alone.
    folders = [] if links["first"] else (await call(request, "folders.trashed", own))["folders"]
    return render(
        request,
        "trash.html",
        screen="trash",
        viewer=viewer,
        files=found["files"],
        folders=folders,
        days=gateway_of(request).core.settings.trash_days,
        **links,
    )


async def delete(request: web.Request) -> web.StreamResponse:
    """Move the files of the form to the trash."""
    return await _act(request, "trash", "/")


async def restore(request: web.Request) -> web.StreamResponse:
    """Take the files of the form out of the trash."""
    return await _act(request, "restore", "/trash")


async def _act(request: web.Request, action: str, back: str) -> web.StreamResponse:
    chosen = (await fields_of(request)).get("file_id", [])[:MOST_CHOSEN]
    viewer = viewer_of(request)
    if viewer is None:
        return redirect(request, "/")
    if chosen:
        items = [{"file_id": each} for each in chosen]
        await call(request, "files.bulk", {"action": action, "items": items, "actor": viewer})
    return redirect(request, back)
