"""Sessions and API keys of people: looked up before a handler runs, and watched for as long as it runs.

The look-up asks the store, so it runs in a thread; what it finds is kept on the request, where the synchronous
authentication of the doors reads it. A request whose session or key ends meanwhile is cancelled.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from files_service.domain.identity import Identity, is_peoples
from files_service.errors import Forbidden, Unauthorized
from files_service.gateway.auth.cookies import cookie_token
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.watching import watching_while
from files_service.services.accounts.identity import find_identity, recent_identity

# Set by a door whose handlers watch by themselves, because they say why they end.
WATCHES_ITSELF = web.AppKey("watches_itself", bool)


@dataclass(frozen=True, slots=True)
class Found:
    """A token of a request, and the identity that it proves."""

    token: str = ""
    identity: Identity | None = None


_FOUND = web.RequestKey("identity", Found)
_NOTHING = Found()


@web.middleware
async def with_identity(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Look up the session or key of a request, if it has one, and watch it."""
    token = _token_of(request)
    if token is None:
        return await handler(request)
    identity = await look_up(request, token)
    if identity is None:
        return await handler(request)
    if request.config_dict.get(WATCHES_ITSELF):
        return await handler(request)
    async with watching(gateway_of(request), token, identity):
        return await handler(request)


async def look_up(request: web.Request, token: str) -> Identity | None:
    """Return the identity that a token proves; the request keeps it."""
    gateway = gateway_of(request)
    recent = recent_identity(gateway.core, token)
    identity = recent[0] if recent is not None else await gateway.calls.run(find_identity, gateway.core, token)
    request[_FOUND] = Found(token, identity)
    return identity


def found_identity(request: web.Request, token: str) -> Identity:
    """Return the identity that was looked up for a token. Raises Unauthorized."""
    found: Found = request.get(_FOUND, _NOTHING)
    if found.token != token or found.identity is None:
        message = "the session or key has ended, or never was"
        raise Unauthorized(message, {"fields": {"Authorization": [message]}})
    return found.identity


def identity_of(request: web.Request) -> Identity | None:
    """Return the identity that was looked up for a request, None for one without a session or key that holds."""
    found: Found = request.get(_FOUND, _NOTHING)
    return found.identity


def require_scope(identity: Identity | None, scope: str) -> None:
    """Raise Forbidden for an identity without a scope. Tokens of systems and JWTs have no scopes."""
    if identity is not None and not identity.may(scope):
        raise Forbidden(f"the key does not have the scope {scope}, or its owner not the permission", {"scope": scope})


@asynccontextmanager
async def watching(gateway: Gateway, token: str, identity: Identity) -> AsyncIterator[None]:
    """Cancel the block, with Unauthorized, soon after the session or key of this token has ended.

    It ends with the role of its account, too: an admin who is none any more reads no more of the files of others.
    """
    ended = Unauthorized("the session or key has ended")

    def holds() -> bool:
        found = find_identity(gateway.core, token)
        return found is not None and found.role is identity.role

    async with watching_while(gateway, holds, ended):
        yield


def _token_of(request: web.Request) -> str | None:
    """Return the token of a person in the header, or else in the cookie."""
    authorization = request.headers.get("Authorization")
    if authorization is None:
        token = cookie_token(request)
    else:
        scheme, _, token = authorization.partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
    return token if token is not None and is_peoples(token) else None
