"""Who looks at a page: an end user's token in a cookie, which scripts cannot read and other sites cannot use.

1. A cookie stands for ``Authorization`` only where that header is missing, and only at the addresses that pages use.
2. Whatever may change something, and the WebSocket, must name this site as its ``Origin``.
3. A cookie that does not count is as if it were not there: whoever needs a token says so.
"""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from aiohttp import web
from multidict import CIMultiDict

from files_service.gateway.auth.bearer import expiry_of_token, owner_of_token
from files_service.gateway.middleware import Handler
from files_service.gateway.pages.rendering import base_of, redirect, render
from files_service.gateway.replies import Refused
from files_service.gateway.state import gateway_of

COOKIE = "files_session"
VIEWER = web.RequestKey("viewer", str)
_ADDRESSES = ("/api/", "/tus/", "/ws/upload")
_SAFE = ("GET", "HEAD")
_PORTS = {"http": 80, "https": 443}


@web.middleware
async def with_session(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the cookie stand for the header that a page cannot send with every request."""
    token = request.cookies.get(COOKIE)
    if token is None or "Authorization" in request.headers:
        return await handler(request)
    owner = _owner(request, token)
    if owner is None or not _is_own(request):
        return await handler(request)
    if request.path.startswith(_ADDRESSES):
        headers = CIMultiDict(request.headers)
        headers["Authorization"] = f"Bearer {token}"
        request = request.clone(headers=headers)
    request[VIEWER] = owner
    return await handler(request)


async def vary_by_cookie(request: web.Request, response: web.StreamResponse) -> None:
    """Keep what a cookie opened from being shown to the next one who uses this browser."""
    if VIEWER in request:
        response.headers.add("Vary", "Cookie")


def viewer_of(request: web.Request) -> str | None:
    """The owner who is signed in, None for a stranger."""
    return request.get(VIEWER)


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Turn the token of a link into a cookie, and leave the address that has it."""
    gateway = gateway_of(request)
    token = request.query.get("token", "")
    try:
        owner = owner_of_token(token, gateway.core.settings.jwt_secret)
    except Refused as refused:
        return render(request, "refused.html", status=401, title="Not signed in", message=str(refused.error))
    # The page goes on by itself: behind a redirect, the cookie would not be sent when another site had the link.
    response = render(request, "signed_in.html", owner=owner)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.set_cookie(
        COOKIE,
        token,
        max_age=max(0, expiry_of_token(token) - int(time.time())),
        path=base_of(request) or "/",
        httponly=True,
        samesite="Strict",
        secure=gateway.core.settings.public_url.startswith("https:"),
    )
    return response


async def sign_out(request: web.Request) -> web.StreamResponse:
    """Forget the cookie."""
    response = redirect(request, "/")
    if viewer_of(request) is not None:
        response.del_cookie(COOKIE, path=base_of(request) or "/", httponly=True, samesite="Strict")
    return response


def _owner(request: web.Request, token: str) -> str | None:
    try:
        return owner_of_token(token, gateway_of(request).core.settings.jwt_secret)
    except Refused:
        return None


def _is_own(request: web.Request) -> bool:
    """Whether a page of ours makes this request, or somebody who goes to an address."""
    changes = request.method not in _SAFE or request.path == "/ws/upload"
    origin = request.headers.get("Origin")
    if origin is None:
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        embedded = request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate"
        return not changes and (site in ("same-origin", "none") or not embedded)
    public = urlsplit(gateway_of(request).core.settings.public_url)
    return _place(origin) in (_place(f"{public.scheme}://{public.netloc}"), _place(f"{public.scheme}://{request.host}"))


def _place(origin: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(origin)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", origin, None
