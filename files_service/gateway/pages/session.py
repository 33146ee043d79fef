"""Signing in by the token of a link or by name and password, and signing out."""

from __future__ import annotations

import time

from aiohttp import web

from files_service.domain.identity import is_peoples
from files_service.errors import Forbidden, Unauthorized
from files_service.gateway.auth.bearer import expiry_of_token, owner_of_token
from files_service.gateway.auth.cookies import delete_cookies, set_cookie
from files_service.gateway.auth.sessions import session_of
from files_service.gateway.pages.people import accounts_on, form_of, sign_in_by_form, sign_in_form
from files_service.gateway.pages.rendering import redirect, render
from files_service.gateway.replies import HTTPError
from files_service.gateway.state import gateway_of
from files_service.services.accounts.sign_in import sign_out as end_session


def viewer_of(request: web.Request) -> str | None:
    """Return the owner who is signed in, None for a stranger."""
    session = session_of(request)
    return session.owner if session is not None else None


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Turn the token of a link into a cookie, and leave the address that has it.

    Who is signed in as somebody else is asked first: the link may be another person's, who would get the uploads.
    """
    if "token" not in request.query and await accounts_on(request):
        return sign_in_form(request)
    token = request.query.get("token", "")
    session = session_of(request)
    if session is None or request.method == "HEAD":
        return _signed_in(request, token)
    try:
        owner = owner_of_token(token, gateway_of(request).core.settings.jwt_secret)
    except Unauthorized:
        return _signed_in(request, token)
    if owner == session.owner:
        return _signed_in(request, token)
    response = render(request, "switch.html", owner=owner, present=session.owner, token=token)
    response.headers["Referrer-Policy"] = "same-origin"
    return response


async def signed_in(request: web.Request) -> web.StreamResponse:
    """Sign in by name and password, or as another owner than before by the form of the page that asked."""
    form = await form_of(request)
    if "token" not in form:
        return await sign_in_by_form(request, form)
    if session_of(request) is None:
        raise HTTPError(Forbidden("nobody is signed in"))
    return _signed_in(request, form["token"])


def _signed_in(request: web.Request, token: str) -> web.StreamResponse:
    """Set the cookie and show a page; a HEAD request, which previews of links send, sets none."""
    gateway = gateway_of(request)
    try:
        owner = owner_of_token(token, gateway.core.settings.jwt_secret)
    except Unauthorized as error:
        return render(request, "refused.html", status=401, title="Not signed in", message=str(error))
    # The page goes on by itself: behind a redirect from another site, browsers would not send the cookie.
    response = render(request, "signed_in.html", owner=owner)
    response.headers["Referrer-Policy"] = "no-referrer"
    if request.method == "HEAD":
        return response
    set_cookie(request, response, token, max(0, expiry_of_token(token) - int(time.time())), "Strict")
    return response


async def sign_out(request: web.Request) -> web.StreamResponse:
    """End the session and delete the cookie."""
    response, session, gateway = redirect(request, "/"), session_of(request), gateway_of(request)
    if session is not None:
        if is_peoples(session.token):
            await gateway.calls.run(end_session, gateway.core, session.token)
        delete_cookies(request, response)
    return response
