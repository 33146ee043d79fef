"""Bearer tokens: the RPC token of trusted systems, and JWTs of end users, whose ``sub`` is the owner. Fail closed."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass

import jwt
from jwt.types import Options

from files_service.config import Settings
from files_service.domain.identity import Identity
from files_service.errors import Unauthorized

ALGORITHM = "HS256"
MAX_OWNER = 78
# The issuer's clock may be ahead of ours.
CLOCK_SKEW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Caller:
    """The actor that a caller is bound to; None is a trusted system, which may act for any owner.

    People with an account have an identity, too.
    """

    actor: str | None
    identity: Identity | None = None


def is_system(token: str, settings: Settings) -> bool:
    """Return True for the token of trusted systems."""
    return hmac.compare_digest(token.encode(errors="surrogateescape"), settings.rpc_token.encode())


def token_of(authorization: str | None) -> str:
    """Return the bearer token of an ``Authorization`` header. Raises Unauthorized."""
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise unauthorized()
    return token


def owner_of_token(token: str, secret: str) -> str:
    """Return the owner of a token. Raises Unauthorized when it is altered, expired or not a token."""
    try:
        options: Options = {"require": ["exp", "sub"]}
        claims = jwt.decode(token, secret, algorithms=[ALGORITHM], leeway=CLOCK_SKEW_SECONDS, options=options)
        # The leeway is for "iat" and "nbf" alone.
        if int(claims["exp"]) <= time.time():
            raise jwt.ExpiredSignatureError
    except jwt.ExpiredSignatureError:
        raise unauthorized("the token has expired") from None
    except (jwt.InvalidTokenError, UnicodeError, ValueError):
        raise unauthorized("not a valid token") from None
    owner = claims["sub"]
    if not isinstance(owner, str) or not 1 <= len(owner) <= MAX_OWNER:
        raise unauthorized("the token names no owner")
    return owner


def claimed_owner(token: str) -> str:
    """Return the owner whom a token names, without a look at its signature; "" if it names none."""
    try:
        return str(jwt.decode(token, options={"verify_signature": False}).get("sub", ""))
    except jwt.InvalidTokenError:
        return ""


def require_owner(owner: str) -> str:
    """Return the owner. Raises ValueError for text that is none."""
    if not 1 <= len(owner) <= MAX_OWNER:
        raise ValueError(f"an owner is text of 1 to {MAX_OWNER} characters")
    return owner


def make_token(owner: str, secret: str, ttl_seconds: int) -> str:
    """Make an end user's token."""
    now = int(time.time())
    return jwt.encode({"sub": require_owner(owner), "iat": now, "exp": now + ttl_seconds}, secret, algorithm=ALGORITHM)


def unauthorized(
    message: str = "send Authorization: Bearer, with the RPC token, an end user's token, or an API key",
) -> Unauthorized:
    """Make the error for missing or invalid credentials."""
    return Unauthorized(message, {"fields": {"Authorization": [message]}})
