"""Signing in by the token of a link, and signing out."""

from __future__ import annotations

import time

from aiohttp import web

from files_service.errors import Unauthorized
from files_service.gateway.auth.bearer import expiry_of_token, owner_of_token
from files_service.gateway.auth.sessions import COOKIE, session_of
from files_service.gateway.pages.rendering import base_of, redirect, render
from files_service.gateway.state import gateway_of


def viewer_of(request: web.Request) -> str | None:
    """Return the owner who is signed in, None for a stranger."""
    session = session_of(request)
    return session.owner if session is not None else None


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Turn the token of a link into a cookie, and leave the address that has it."""
    gateway = gateway_of(request)
    token = request.query.get("token", "")
    try:
        owner = owner_of_token(token, gateway.core.settings.jwt_secret)
    except Unauthorized as error:
        return render(request, "refused.html", status=401, title="Not signed in", message=str(error))
    # The page goes on by itself: behind a redirect from another site, browsers would not send the cookie.
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
    """Delete the cookie."""
    response = redirect(request, "/")
    if viewer_of(request) is not None:
        response.del_cookie(COOKIE, path=base_of(request) or "/", httponly=True, samesite="Strict")
    return response
