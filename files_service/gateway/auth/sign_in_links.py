"""Codes of sign-in links: each signs an owner in to the pages, once. Whoever has the secret of tokens makes them."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

import jwt
from jwt.types import Options

from files_service.errors import Unauthorized
from files_service.gateway.auth.bearer import ALGORITHM, require_owner

LINK_SECONDS = 86_400
# With an audience, a code is no token for any door; without one, no token is a code.
_AUDIENCE = "sign-in"


@dataclass(frozen=True, slots=True)
class LinkCode:
    """A code that holds. ``expires_at`` is in seconds, as is the length of the session that it begins."""

    link_id: str
    owner: str
    expires_at: int
    session_seconds: int


def make_code(owner: str, secret: str, session_seconds: int) -> str:
    """Make the code of a link that can be used within a day. Raises ValueError."""
    now = int(time.time())
    claims = {
        "sub": require_owner(owner),
        "aud": _AUDIENCE,
        "jti": secrets.token_hex(16),
        "exp": now + min(LINK_SECONDS, session_seconds),
        "session": session_seconds,
    }
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def read_code(code: str, secret: str) -> LinkCode:
    """Return what a code says. Raises Unauthorized when it is altered, expired or not a code."""
    options: Options = {"require": ["exp", "sub", "jti"]}
    try:
        claims = jwt.decode(code, secret, algorithms=[ALGORITHM], audience=_AUDIENCE, options=options)
        return LinkCode(claims["jti"], claims["sub"], int(claims["exp"]), int(claims["session"]))
    except jwt.ExpiredSignatureError:
        raise Unauthorized("the link has expired") from None
    except (jwt.InvalidTokenError, UnicodeError, ValueError, KeyError):
        raise Unauthorized("not a valid link") from None
