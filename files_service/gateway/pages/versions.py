"""``/versions/{file_id}``: the contents that a file has had, for its owner."""

from __future__ import annotations

from aiohttp import web

from files_service.errors import BadRequest, Forbidden, Gone, NotFound
from files_service.gateway.pages.calls import call
from files_service.gateway.pages.refusals import refusal_page
from files_service.gateway.pages.rendering import render
from files_service.gateway.pages.session import for_viewer


@for_viewer
async def versions(request: web.Request, viewer: str) -> web.StreamResponse:
    """Show the versions, the newest first; what changes them is done by the addresses of the file."""
    named = {"file_id": request.match_info["file_id"], "actor": viewer}
    try:
        file = await call(request, "files.info", named)
        found = await call(request, "versions.list", named)
    except (NotFound, Forbidden, BadRequest, Gone):
        message = "The link may be wrong, or the file was deleted or is another person's."
        return refusal_page(request, "There is no such file", message, 404)
    former = [each for each in found["versions"] if not each["current"]]
    return render(
        request,
        "versions.html",
        screen="versions",
        viewer=viewer,
        file=file,
        versions=found["versions"],
        former_bytes=sum(each["size"] for each in former),
    )
