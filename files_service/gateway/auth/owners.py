"""Whose token a request bears, for the doors of end users."""

from __future__ import annotations

from aiohttp import web

from files_service.errors import Forbidden
from files_service.gateway.auth.bearer import identify
from files_service.gateway.replies import Refused
from files_service.gateway.state import gateway_of

# Owns nothing and is granted nothing: an owner's name has at least one character.
NOBODY = ""


def owner_of(request: web.Request) -> str:
    """The owner that the token was made for: a system's own token names nobody. Raises Refused."""
    caller = identify(request.headers.get("Authorization"), gateway_of(request).core.settings)
    if caller.actor is None:
        raise Refused(Forbidden("send the token of an owner: uploads belong to somebody"))
    return caller.actor


def actor_of(request: web.Request) -> str | None:
    """Who asks: None for a system, ``NOBODY`` without a token. Raises Refused for a token that does not hold."""
    authorization = request.headers.get("Authorization")
    if authorization is None:
        return NOBODY
    return identify(authorization, gateway_of(request).core.settings).actor
