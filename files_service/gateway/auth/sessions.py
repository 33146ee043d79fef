"""Sessions of the pages: a token in a cookie, which scripts cannot read and other sites cannot use.

The token is that of a session of an account, or an end user's JWT.

1. A session counts only on requests without ``Authorization``, and only at the doors that read it.
2. A request that may change something, and the WebSocket, must name this site as its ``Origin``.
3. An invalid session is ignored: an address that needs a token answers 401.
4. So is that of somebody else than a script names: its page is that of the person who was signed in before.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from aiohttp import web

from files_service.domain.identity import is_peoples
from files_service.errors import Unauthorized
from files_service.gateway.auth.cookies import cookie_token
from files_service.gateway.auth.people import found_identity, found_owner
from files_service.gateway.state import gateway_of

# The owner whose page asks, percent-encoded.
VIEWER = "X-Files-Viewer"
_SAFE = ("GET", "HEAD")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in owner and the token that proves it."""

    owner: str
    token: str


_SESSION = web.RequestKey("session", tuple[Session | None])


def session_of(request: web.Request) -> Session | None:
    """Return the valid session of a request."""
    if _SESSION not in request:
        request[_SESSION] = (_read(request),)
    return request[_SESSION][0]


def authorization_of(request: web.Request) -> str | None:
    """Return the ``Authorization`` header, or the one that the session stands for."""
    session = session_of(request)
    return f"Bearer {session.token}" if session is not None else request.headers.get("Authorization")


async def vary_by_cookie(request: web.Request, response: web.StreamResponse) -> None:
    """Keep caches from serving a reply of one session to the next user of the browser."""
    if session_of(request) is not None:
        response.headers.add("Vary", "Cookie")


def _read(request: web.Request) -> Session | None:
    token = cookie_token(request)
    if token is None or "Authorization" in request.headers or not is_same_site(request):
        return None
    try:
        owner = found_identity(request, token).actor if is_peoples(token) else found_owner(request, token)
    except Unauthorized:
        return None
    viewer = request.headers.get(VIEWER)
    return Session(owner, token) if viewer is None or unquote(viewer) == owner else None


def is_same_site(request: web.Request) -> bool:
    """Return True for requests of our own pages and for safe top-level navigation."""
    safe = request.method in _SAFE and "Upgrade" not in request.headers
    origin = request.headers.get("Origin")
    if origin is None:
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        embedded = request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate"
        return safe and (site in ("same-origin", "none") or not embedded)
    public = urlsplit(gateway_of(request).core.settings.public_url)
    own = (f"{public.scheme}://{public.netloc}", f"{public.scheme}://{request.host}")
    return _site(origin) in map(_site, own)


def _site(origin: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(origin)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", origin, None
