"""The caller of a request, found by the authentication of its door."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from files_service.domain.access import NOBODY
from files_service.domain.identity import is_peoples
from files_service.errors import Forbidden
from files_service.gateway.auth.bearer import Caller, is_system, token_of, unauthorized
from files_service.gateway.auth.people import found_identity, found_owner
from files_service.gateway.auth.sessions import authorization_of
from files_service.gateway.peers import SYSTEM, owner_holder, peer_holder
from files_service.gateway.state import gateway_of
from files_service.gateway.threads import HOLDER
from files_service.services.files import require_unbound

# Return the caller, None for a request without credentials; raise FilesError for invalid credentials.
Authenticate = Callable[[web.Request], Caller | None]
AUTHENTICATE: web.AppKey[Authenticate] = web.AppKey("authenticate")


def by_bearer(request: web.Request) -> Caller | None:
    """Authenticate by the ``Authorization`` header."""
    return _identified(request, request.headers.get("Authorization"))


def by_bearer_or_session(request: web.Request) -> Caller | None:
    """Authenticate by the ``Authorization`` header, or by the session of the pages."""
    return _identified(request, authorization_of(request))


def nobody(request: web.Request) -> Caller | None:
    """Take every caller for a stranger: for doors without callers, or with an authentication per message."""
    return None


def caller_of(request: web.Request) -> Caller:
    """Return the caller, which may be a trusted system. Raises Unauthorized."""
    caller = request.config_dict[AUTHENTICATE](request)
    if caller is None:
        raise unauthorized()
    return caller


def owner_of(request: web.Request) -> str:
    """Return the owner that calls for all that is its own.

    Raises Unauthorized, and Forbidden for a trusted system, which owns nothing, and a key that is bound to a folder.
    """
    caller = caller_of(request)
    if caller.actor is None:
        raise Forbidden("send the token of an owner: every upload has an owner")
    require_unbound(caller.actor)
    return caller.actor


def actor_of(request: web.Request) -> str | None:
    """Return the actor: None for a trusted system, ``NOBODY`` without credentials. Raises Unauthorized."""
    caller = request.config_dict[AUTHENTICATE](request)
    return NOBODY if caller is None else caller.actor


def holders_of(request: web.Request, actor: str | None) -> tuple[str, ...]:
    """Return the holders of what a request takes: the peer and the actor, or all trusted systems together."""
    if actor is None:
        return (SYSTEM,)
    peer = peer_holder(request)
    return (peer,) if actor == NOBODY else (peer, owner_holder(actor))


def _identified(request: web.Request, authorization: str | None) -> Caller | None:
    if authorization is None:
        return None
    caller = caller_by(request, authorization)
    HOLDER.set(holders_of(request, caller.actor)[-1])
    return caller


def caller_by(request: web.Request, authorization: str | None) -> Caller:
    """Return the caller by an ``Authorization`` header, whose token was looked up. Raises Unauthorized."""
    token = token_of(authorization)
    if is_peoples(token):
        identity = found_identity(request, token)
        return Caller(identity.actor, identity)
    if is_system(token, gateway_of(request).core.settings):
        return Caller(None)
    return Caller(found_owner(request, token))
