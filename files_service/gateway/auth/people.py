"""Sessions, API keys and the owners of JWTs: looked up before a handler runs, and watched for as long as it runs.

The look-up asks the store, so it runs in a thread; what it finds is kept on the request, where the synchronous
authentication of the doors reads it. A request whose session or key ends meanwhile is cancelled, and so is one with a
JWT whose owner's account is disabled: a JWT itself cannot be revoked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from files_service.domain.identity import Identity, is_peoples
from files_service.errors import Forbidden, Unauthorized
from files_service.gateway.auth.bearer import is_system, owner_of_token
from files_service.gateway.auth.cookies import cookie_token
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.watching import watching_while
from files_service.services.accounts.identity import find_identity, is_closed, recent_identity

# Set by a door whose handlers watch by themselves, because they say why they end.
WATCHES_ITSELF = web.AppKey("watches_itself", bool)


@dataclass(frozen=True, slots=True)
class Found:
    """A token of a request, and the identity that it proves, or the owner of a JWT whose account is not disabled."""

    token: str = ""
    identity: Identity | None = None
    owner: str | None = None


_FOUND = web.RequestKey("identity", Found)
_NOTHING = Found()
_ENDS_ITS_SESSION = web.RequestKey("ends_its_session", bool)


@web.middleware
async def with_identity(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Look up who sends a request with a token, and watch it."""
    token = _token_of(request)
    if token is None:
        return await handler(request)
    found = await look_up(request, token)
    if found is _NOTHING or request.config_dict.get(WATCHES_ITSELF):
        return await handler(request)
    async with watching(request, token):
        return await handler(request)


async def look_up(request: web.Request, token: str) -> Found:
    """Return what a token proves; the request keeps it."""
    gateway = gateway_of(request)
    request[_FOUND] = found = await _of_people(gateway, token) if is_peoples(token) else await _of_owner(gateway, token)
    return found


async def _of_people(gateway: Gateway, token: str) -> Found:
    recent = recent_identity(gateway.core, token)
    identity = recent[0] if recent is not None else await gateway.calls.run(find_identity, gateway.core, token)
    return Found(token, identity) if identity is not None else _NOTHING


async def _of_owner(gateway: Gateway, token: str) -> Found:
    try:
        owner = owner_of_token(token, gateway.core.settings.jwt_secret)
    except Unauthorized:
        # The door says what is wrong with it, if it needs a token at all.
        return _NOTHING
    recent = gateway.core.closed_owners.recent(owner)
    closed = recent[0] if recent is not None else await gateway.calls.run(is_closed, gateway.core, owner)
    return _NOTHING if closed else Found(token, owner=owner)


def end_watch(request: web.Request) -> None:
    """Let a request answer that may end its own session: the person must learn that the action took place."""
    request[_ENDS_ITS_SESSION] = True


def found_owner(request: web.Request, token: str) -> str:
    """Return the owner of a JWT that was looked up. Raises Unauthorized, also where the account is disabled."""
    found: Found = request.get(_FOUND, _NOTHING)
    if found.token == token and found.owner is not None:
        return found.owner
    owner_of_token(token, gateway_of(request).core.settings.jwt_secret)
    message = "the account of the owner is disabled"
    raise Unauthorized(message, {"fields": {"Authorization": [message]}})


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
async def watching(request: web.Request, token: str) -> AsyncIterator[None]:
    """Cancel the block, with Unauthorized, soon after what was looked up for this token has ended.

    A session ends with the role of its account, too: an admin who is none any more reads no more of the files of
    others.
    """
    gateway, found = gateway_of(request), request.get(_FOUND, _NOTHING)
    if found.owner is not None:
        ended, owner = Unauthorized("the account of the owner was disabled"), found.owner
        async with watching_while(gateway, lambda: not is_closed(gateway.core, owner), ended):
            yield
        return
    before = found_identity(request, token)

    def holds() -> bool:
        now = find_identity(gateway.core, token)
        return (now is not None and now.role is before.role) or request.get(_ENDS_ITS_SESSION, False)

    async with watching_while(gateway, holds, Unauthorized("the session or key has ended")):
        yield


def _token_of(request: web.Request) -> str | None:
    """Return the token in the header, or else in the cookie; None for that of trusted systems."""
    authorization = request.headers.get("Authorization")
    if authorization is None:
        token = cookie_token(request)
    else:
        scheme, _, token = authorization.partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
    return token if token and not is_system(token, gateway_of(request).core.settings) else None
