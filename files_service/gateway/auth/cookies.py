"""The cookies of the pages: their names, and how they are set and deleted."""

from __future__ import annotations

from typing import Literal

from aiohttp import web

from files_service.config import Settings
from files_service.domain.identity import KEY_PREFIX, SESSION_PREFIX
from files_service.gateway.state import gateway_of

# The cookie of JWTs, and of sessions where the browser would not take the other name.
COOKIE = "files_session"
# Browsers take this name only over https, from the host itself, for all its paths: no sibling host can set it.
HOST_COOKIE = f"__Host-{COOKIE}"
Policy = Literal["Lax", "Strict"]


def cookie_token(request: web.Request) -> str | None:
    """Return the token in the cookies of a request: of a session of an account, or else a JWT."""
    tokens = _tokens_of(request.headers.get("Cookie", ""))
    session = tokens.get(_session_cookie(gateway_of(request).core.settings), "")
    if session.startswith(SESSION_PREFIX):
        return session
    token = tokens.get(COOKIE)
    return None if token is None or token.startswith((SESSION_PREFIX, KEY_PREFIX)) else token


def set_cookie(request: web.Request, response: web.StreamResponse, token: str, max_age: int, policy: Policy) -> None:
    """Set the cookie of a token: a session of an account has ``Lax``, a JWT ``Strict``."""
    settings = gateway_of(request).core.settings
    response.set_cookie(
        _session_cookie(settings) if token.startswith(SESSION_PREFIX) else COOKIE,
        token,
        max_age=max_age,
        path=settings.public_path or "/",
        httponly=True,
        samesite=policy,
        secure=_is_secure(settings),
    )


def delete_cookies(request: web.Request, response: web.StreamResponse) -> None:
    """Delete the cookies of a browser."""
    settings = gateway_of(request).core.settings
    for name in {COOKIE, _session_cookie(settings)}:
        path, secure = settings.public_path or "/", _is_secure(settings)
        response.del_cookie(name, path=path, httponly=True, samesite="Lax", secure=secure)


def _session_cookie(settings: Settings) -> str:
    return HOST_COOKIE if _is_secure(settings) and not settings.public_path else COOKIE


def _is_secure(settings: Settings) -> bool:
    return settings.public_url.startswith("https:")


def _tokens_of(cookies: str) -> dict[str, str]:
    """Return the tokens in a ``Cookie`` header, the first of each name. Other programs write the rest of it."""
    tokens: dict[str, str] = {}
    for pair in cookies.split(";"):
        name, _, value = pair.strip().partition("=")
        if name in (COOKIE, HOST_COOKIE):
            tokens.setdefault(name, value.strip('"'))
    return tokens
