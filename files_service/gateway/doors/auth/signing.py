"""Registration, sign-in, sign-out and passwords.

A browser, which names the site that a request comes from, gets the session as a cookie and never sees its token; other
clients get the token. A request of another site is refused, so that nobody is signed in as somebody else unawares.
"""

from __future__ import annotations

from aiohttp import web

from files_service.domain.identity import is_peoples
from files_service.errors import Forbidden
from files_service.gateway.auth.bearer import token_of, unauthorized
from files_service.gateway.auth.cookies import delete_cookies
from files_service.gateway.auth.sessions import authorization_of, is_same_site
from files_service.gateway.auth.sign_ins import call_for_people, client_of, set_session
from files_service.gateway.doors.auth.bodies import body_of
from files_service.gateway.replies import HTTPError, json_reply


async def register(request: web.Request) -> web.StreamResponse:
    """Make an account and sign in."""
    return await _signed_in(request, "accounts.register", 201)


async def login(request: web.Request) -> web.StreamResponse:
    """Sign in."""
    return await _signed_in(request, "accounts.login", 200)


async def logout(request: web.Request) -> web.StreamResponse:
    """End the session, and delete the cookie of a browser."""
    result = await call_for_people(request, "accounts.logout", token=session_token(request))
    response = json_reply(result)
    delete_cookies(request, response)
    return response


async def me(request: web.Request) -> web.StreamResponse:
    """Reply with the account that is signed in."""
    return json_reply(await call_for_people(request, "accounts.identify", token=session_token(request)))


async def set_password(request: web.Request) -> web.StreamResponse:
    """Change the password, or set it by the code of a reset link."""
    _require_own_site(request)
    body = await body_of(request)
    token = None if "reset" in body else session_token(request)
    return json_reply(
        await call_for_people(request, "accounts.set_password", **body, token=token, **client_of(request))
    )


def session_token(request: web.Request) -> str:
    """Return the token of the session, or the API key, that a request was sent with. Raises Unauthorized."""
    authorization = authorization_of(request)
    if authorization is None or not is_peoples(token := token_of(authorization)):
        raise unauthorized("sign in with an account")
    return token


async def _signed_in(request: web.Request, method: str, status: int) -> web.StreamResponse:
    _require_own_site(request)
    result = await call_for_people(request, method, **await body_of(request), **client_of(request))
    if not _is_browser(request):
        return json_reply(result, status)
    response = json_reply({name: each for name, each in result.items() if name != "token"}, status)
    set_session(request, response, result)
    return response


def _is_browser(request: web.Request) -> bool:
    return "Origin" in request.headers or "Sec-Fetch-Site" in request.headers


def _require_own_site(request: web.Request) -> None:
    if _is_browser(request) and not is_same_site(request):
        raise HTTPError(Forbidden("the request is not of this site"))
