"""Who calls: a trusted system by the RPC token, or an end user by a JWT whose ``sub`` is the owner. Fail closed."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass

import jwt

from files_service.config import Settings
from files_service.errors import Unauthorized
from files_service.gateway.replies import Refused

_ALGORITHM = "HS256"
MAX_OWNER = 78


@dataclass(frozen=True, slots=True)
class Caller:
    """The actor that a caller is bound to; None: a trusted system, which may act for anybody."""

    actor: str | None


def identify(authorization: str | None, settings: Settings) -> Caller:
    """Find out who calls by the ``Authorization`` header. Raises Refused with 401."""
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise _unauthorized("send Authorization: Bearer, with the RPC token or an end user's token")
    if hmac.compare_digest(token.encode(errors="surrogateescape"), settings.rpc_token.encode()):
        return Caller(None)
    return Caller(owner_of_token(token, settings.jwt_secret))


def owner_of_token(token: str, secret: str) -> str:
    """The owner that a token was made for. Raises Refused with 401 when it is altered, expired or not a token."""
    try:
        claims = jwt.decode(token, secret, algorithms=[_ALGORITHM], options={"require": ["exp", "sub"]})
    except jwt.ExpiredSignatureError:
        raise _unauthorized("the token has expired") from None
    except (jwt.InvalidTokenError, UnicodeError, ValueError):
        raise _unauthorized("not a valid token") from None
    owner = claims["sub"]
    if not isinstance(owner, str) or not 1 <= len(owner) <= MAX_OWNER:
        raise _unauthorized("the token names no owner")
    return owner


def expiry_of_token(token: str) -> int:
    """The second since the epoch at which a token, which was found to be valid, expires."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return int(claims["exp"])


def make_token(owner: str, secret: str, ttl_seconds: int) -> str:
    """Make an end user's token."""
    if not 1 <= len(owner) <= MAX_OWNER:
        raise ValueError(f"an owner is text of 1 to {MAX_OWNER} characters")
    now = int(time.time())
    return jwt.encode({"sub": owner, "iat": now, "exp": now + ttl_seconds}, secret, algorithm=_ALGORITHM)


def _unauthorized(message: str) -> Refused:
    error = Unauthorized(message, {"fields": {"Authorization": [message]}})
    return Refused(error, headers={"WWW-Authenticate": 'Bearer realm="files"'})
