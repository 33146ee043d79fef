"""``/``: the files and the drop zone of an owner; for strangers, the way to sign in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from files_service.errors import BadRequest
from files_service.gateway.pages.people import accounts_on
from files_service.gateway.pages.rendering import render
from files_service.gateway.pages.session import viewer_of
from files_service.gateway.state import gateway_of

PER_PAGE = 50
# Thumbnails are whole images: larger images have none.
MAX_THUMBNAIL_BYTES = 2_000_000
ORDERS = {
    "newest": ("Newest first", "created_at", "desc"),
    "oldest": ("Oldest first", "created_at", "asc"),
    "name": ("Name, A to Z", "name", "asc"),
    "name-desc": ("Name, Z to A", "name", "desc"),
    "largest": ("Largest first", "size", "desc"),
    "smallest": ("Smallest first", "size", "asc"),
}
ACCESSES = {
    "private": "Only you",
    "shared": "People you named",
    "unlisted": "Anyone with the link",
    "public": "Everyone",
}


async def index(request: web.Request) -> web.StreamResponse:
    """Show the files of the viewer."""
    viewer = viewer_of(request)
    gateway = gateway_of(request)
    if viewer is None:
        described = not gateway.core.settings.operation_http
        return render(request, "welcome.html", described=described, accounts=await accounts_on(request))
    search = request.query.get("search", "").strip()[:200]
    order = request.query.get("sort", "newest")
    order = order if order in ORDERS else "newest"
    _, field, direction = ORDERS[order]
    params: dict[str, Any] = {"owner": viewer, "actor": viewer, "order_by": field, "order": direction}
    params |= {"limit": PER_PAGE, "with_total": True, "consistency": "strong"}
    if search:
        params["search"] = search
    try:
        found = await gateway.calls.run(
            gateway.invoke, "files.list", params | ({"cursor": request.query["cursor"]} if _begun(request) else {})
        )
    except BadRequest:
        # An old cursor, or a search that is not possible: the start of the list helps more than an error.
        params.pop("search", None)
        found = await gateway.calls.run(gateway.invoke, "files.list", params)
    chosen = {"search": search, "sort": order if order != "newest" else ""}
    query = {name: value for name, value in chosen.items() if value}
    following = urlencode({**query, "cursor": found["next_cursor"]}) if found["next_cursor"] else ""
    return render(
        request,
        "index.html",
        viewer=viewer,
        files=found["files"],
        total=found["total"],
        search=search,
        order=order,
        orders={name: label for name, (label, _, _) in ORDERS.items()},
        accesses=ACCESSES,
        first=urlencode(query) if _begun(request) else None,
        following=following,
        max_thumbnail_bytes=MAX_THUMBNAIL_BYTES,
    )


def _begun(request: web.Request) -> bool:
    return bool(request.query.get("cursor"))
