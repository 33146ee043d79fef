"""Calls of methods by pages, and the links between pages of one list."""

from __future__ import annotations

from typing import Any, TypedDict
from urllib.parse import parse_qs, urlencode

from aiohttp import web

from files_service.errors import BadRequest, Forbidden
from files_service.gateway.auth.sessions import is_same_site
from files_service.gateway.pages.rendering import base_of
from files_service.gateway.replies import HTTPError
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.body import read_small
from storage_adapters import JSON


class Links(TypedDict):
    """Links of a page of a list: to the first page, None on that, and to the following one, "" on the last."""

    first: str | None
    following: str


async def call(request: web.Request, method: str, params: dict[str, Any]) -> JSON:
    """Return the result of a method. Raises FilesError."""
    gateway = gateway_of(request)
    found: JSON = await gateway.calls.run(gateway.invoke, method, params)
    return found


async def page_of(request: web.Request, method: str, params: dict[str, Any]) -> JSON:
    """Return a page from the cursor of the address on; an old cursor is the beginning."""
    cursor = request.query.get("cursor")
    try:
        return await call(request, method, {**params, **({"cursor": cursor} if cursor else {})})
    except BadRequest:
        if not cursor:
            raise
        return await call(request, method, params)


def first_and_following(request: web.Request, path: str, query: dict[str, str], found: JSON) -> Links:
    """Return the links of the page that was found."""
    cursor = found["next_cursor"]
    return {
        "first": link(request, path, query) if request.query.get("cursor") else None,
        "following": link(request, path, {**query, "cursor": cursor}) if cursor else "",
    }


def link(request: web.Request, path: str, query: dict[str, str]) -> str:
    """Return the address of a page."""
    return base_of(request) + path + (f"?{urlencode(query)}" if query else "")


async def fields_of(request: web.Request) -> dict[str, list[str]]:
    """Return the values of each field of a form of this site. Raises HTTPError for a form of another one."""
    if not is_same_site(request):
        raise HTTPError(Forbidden("the form is not of this site"))
    limits = gateway_of(request).limits
    body = await read_small(request, limits, most=limits.user_call_bytes)
    return parse_qs(body.decode(errors="replace"))
