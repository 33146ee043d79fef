"""``/``: the files of an owner, all of them or those of a folder; for strangers, the way to sign in."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from files_service.domain.paths import ancestors_of, name_of
from files_service.errors import BadRequest, NotFound, NotSupported
from files_service.gateway.auth.cookies import cookie_token
from files_service.gateway.pages.calls import call, first_and_following, link, page_of
from files_service.gateway.pages.people import accounts_on
from files_service.gateway.pages.rendering import render
from files_service.gateway.pages.session import viewer_of
from files_service.gateway.state import gateway_of
from storage_adapters import JSON

PER_PAGE = 50
PER_FOLDER = 100
ORDERS = {
    "newest": ("Newest first", "created_at", "desc"),
    "oldest": ("Oldest first", "created_at", "asc"),
    "name": ("Name, A to Z", "name", "asc"),
    "name-desc": ("Name, Z to A", "name", "desc"),
    "largest": ("Largest first", "size", "desc"),
    "smallest": ("Smallest first", "size", "asc"),
}
ACCESSES = {
    "private": "Private",
    "shared": "Shared",
    "unlisted": "Link",
    "public": "Public",
}


async def index(request: web.Request) -> web.StreamResponse:
    """Show the files of the viewer."""
    viewer = viewer_of(request)
    if viewer is None:
        described = not gateway_of(request).core.settings.operation_http
        # A cookie that does not hold any more is that of a session that has ended.
        ended, accounts = cookie_token(request) is not None, await accounts_on(request)
        return render(request, "welcome.html", described=described, accounts=accounts, ended=ended)
    folder = request.query.get("folder", "").strip("/")
    if folder:
        try:
            return await _folder(request, viewer, folder)
        except BadRequest:
            # A path that no folder has: the start of the list helps more than an error.
            pass
    return await _all(request, viewer)


async def _all(request: web.Request, viewer: str) -> web.StreamResponse:
    """Show the files of all folders in an order, or those that a search finds; on the first page with the folders."""
    search = request.query.get("search", "").strip()[:200]
    order = request.query.get("sort", "newest")
    order = order if order in ORDERS else "newest"
    _, field, direction = ORDERS[order]
    params: dict[str, Any] = {"owner": viewer, "actor": viewer, "order_by": field, "order": direction}
    params |= {"limit": PER_PAGE, "with_total": True, "consistency": "strong"}
    if search:
        params["search"] = search
    try:
        found = await page_of(request, "files.list", params)
    except BadRequest:
        # A search that is not possible.
        params.pop("search", None)
        found = await call(request, "files.list", params)
    chosen = {"search": search, "sort": order if order != "newest" else ""}
    query = {name: value for name, value in chosen.items() if value}
    return render(
        request,
        "index.html",
        screen="files",
        viewer=viewer,
        folder="",
        crumbs=(),
        folders=() if search or request.query.get("cursor") else await _folders(request, viewer),
        files=found["files"],
        total=_total(request, found),
        search=search,
        order=order,
        by=(field, direction),
        orders=[(name, label, link(request, "/", {**query, "sort": name})) for name, (label, _, _) in ORDERS.items()],
        accesses=ACCESSES,
        **first_and_following(request, "/", query, found),
    )


async def _folder(request: web.Request, viewer: str, folder: str) -> web.StreamResponse:
    """Show one page of a folder."""
    params = {"owner": viewer, "actor": viewer, "path": folder, "limit": PER_FOLDER}
    try:
        found = await page_of(request, "folders.list", params)
    except NotFound:
        # It was there as long as a path led through it: what is put into it makes it again.
        found = {"path": folder, "files": [], "folders": [], "next_cursor": None}
    query = {"folder": found["path"]}
    return render(
        request,
        "index.html",
        screen="files",
        viewer=viewer,
        folder=found["path"],
        crumbs=[(name_of(each), link(request, "/", {"folder": each})) for each in ancestors_of(found["path"])],
        folders=_tiles(request, found["folders"]),
        files=found["files"],
        total=None,
        search="",
        order="",
        by=None,
        orders=(),
        accesses=ACCESSES,
        **first_and_following(request, "/", query, found),
    )


def _total(request: web.Request, found: JSON) -> int | None:
    """Return the number of files, None where it is not counted."""
    if found["total"] is None and not request.query.get("cursor") and not found["next_cursor"]:
        return len(found["files"])
    total: int | None = found["total"]
    return total


async def _folders(request: web.Request, viewer: str) -> list[JSON]:
    """Return the folders at the top, as many as one page of them has."""
    try:
        found = await call(request, "folders.list", {"owner": viewer, "actor": viewer, "limit": PER_FOLDER})
    except NotSupported:
        return []
    return _tiles(request, found["folders"])


def _tiles(request: web.Request, folders: list[JSON]) -> list[JSON]:
    return [{**each, "link": link(request, "/", {"folder": each["path"]})} for each in folders]
