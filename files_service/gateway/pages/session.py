"""Signing in by name and password or by the code of a link, and signing out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

from aiohttp import web
from aiohttp.typedefs import Handler

from files_service.domain.identity import is_peoples
from files_service.errors import Unauthorized
from files_service.gateway.auth.bearer import make_token
from files_service.gateway.auth.cookies import delete_cookies, set_cookie
from files_service.gateway.auth.people import end_watch
from files_service.gateway.auth.sessions import session_of
from files_service.gateway.auth.sign_in_links import read_code
from files_service.gateway.pages.faults import fault_of_link
from files_service.gateway.pages.people import accounts_on, form_of, sign_in_by_form, sign_in_form, way_back
from files_service.gateway.pages.rendering import redirect, render
from files_service.gateway.state import gateway_of
from files_service.services.accounts.sign_in import sign_out as end_session
from files_service.services.accounts.sign_in_links import use_link


def viewer_of(request: web.Request) -> str | None:
    """Return the owner who is signed in, None for a stranger."""
    session = session_of(request)
    return session.owner if session is not None else None


def for_viewer(page: Callable[[web.Request, str], Awaitable[web.StreamResponse]]) -> Handler:
    """Give a page its viewer; strangers are sent to the first page, where they sign in."""

    @wraps(page)
    async def shown(request: web.Request) -> web.StreamResponse:
        viewer = viewer_of(request)
        return redirect(request, "/") if viewer is None else await page(request, viewer)

    return shown


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Show the forms; opening them uses no link up."""
    return sign_in_form(request, accounts=await accounts_on(request), to=request.query.get("to", ""))


async def signed_in(request: web.Request) -> web.StreamResponse:
    """Sign in by name and password, or by the code of a link."""
    form = await form_of(request)
    if "link" not in form:
        return await sign_in_by_form(request, form)
    try:
        return await _by_link(request, form["link"].strip(), form.get("to", ""), replaces="replace" in form)
    except Unauthorized as error:
        accounts = await accounts_on(request)
        return sign_in_form(request, fault=fault_of_link(error), status=401, accounts=accounts, to=form.get("to", ""))


async def _by_link(request: web.Request, code: str, to: str, *, replaces: bool) -> web.StreamResponse:
    """Use a link up and set the cookie of its owner.

    Who is signed in as somebody else is asked first: the link may be another person's, who would get the uploads.
    """
    gateway = gateway_of(request)
    link, session = read_code(code, gateway.core.settings.jwt_secret), session_of(request)
    if session is not None and session.owner != link.owner and not replaces:
        return render(request, "switch.html", owner=link.owner, present=session.owner, code=code)
    await gateway.calls.run(use_link, gateway.core, link.link_id, link.expires_at * 1000)
    response = redirect(request, way_back(to))
    token = make_token(link.owner, gateway.core.settings.jwt_secret, link.session_seconds)
    set_cookie(request, response, token, link.session_seconds, "Strict")
    return response


async def sign_out(request: web.Request) -> web.StreamResponse:
    """End the session and delete the cookie."""
    response, session, gateway = redirect(request, "/"), session_of(request), gateway_of(request)
    if session is not None:
        if is_peoples(session.token):
            end_watch(request)
            await gateway.calls.run(end_session, gateway.core, session.token)
        delete_cookies(request, response)
    return response
