"""The address of the queue door, and the tokens with which bytes are sent to it.

A token is a JWT for one upload: its owner, id and size, an expiry and this audience. Its key is derived from the
signing key for this purpose alone, so that no other token of the service is one of these. An account of the broker
proves nothing: bytes without a token are refused.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import jwt
from jwt.types import Options

from files_service.core import Core
from files_service.errors import Forbidden, Unauthorized
from files_service.services.accounts.identity import is_closed
from files_service.services.uploads.session import UploadSession, find_session
from files_service.services.uploads.slices import require_takes_slices
from storage_adapters import JSON, SupportsUploads

EXCHANGE = "files.ingest"
DEAD_QUEUE = "files.ingest.dead"
ROUTING_KEY = "chunks"
AUDIENCE = "files.ingest"
MAX_TOKEN = 2_048
# Chunks that a sender may have in flight, and a worker reads ahead: fewer where chunks are long.
WINDOW = 8
_WINDOW_BYTES = 64 * 1024 * 1024
_ALGORITHM = "HS256"
_OPTIONS: Options = {"require": ["exp", "aud", "sub", "upload"], "verify_exp": False, "verify_iat": False}


def queue_address(
    core: Core, owner: str, upload_id: str, size: int | None, *, chunk_size: int | None = None
) -> JSON | None:
    """Return the way to the queue door for one upload, None where there is no such door.

    ``chunk_size`` is that of an upload that was begun, maybe under another setting.
    """
    settings = core.settings
    if not (settings.queue_door and settings.amqp_uri and isinstance(core.metadata, SupportsUploads)):
        return None
    chunk_bytes = min(settings.chunk_bytes, chunk_size or settings.chunk_bytes)
    expires_at = core.clock() + settings.upload_ttl_seconds * 1000
    claims = {"aud": AUDIENCE, "sub": str(owner), "upload": upload_id, "bytes": size, "exp": expires_at // 1000}
    return {
        "upload_id": upload_id,
        "exchange": EXCHANGE,
        "routing_key": ROUTING_KEY,
        "token": jwt.encode(claims, _key(core), algorithm=_ALGORITHM),
        "chunk_bytes": chunk_bytes,
        "window": window(chunk_bytes),
        "expires_at": expires_at,
    }


def window(chunk_bytes: int) -> int:
    """Return the number of chunks of this size in flight."""
    return max(1, min(WINDOW, _WINDOW_BYTES // chunk_bytes))


def session_of_token(core: Core, token: str, upload_id: str) -> UploadSession:
    """Find the upload that a token permits to fill.

    Raises Unauthorized for a token that is altered, expired or none, Forbidden for one of another upload or for a
    disabled account, and what ``find_session`` raises.
    """
    claims = _claims(core, token)
    if not hmac.compare_digest(str(claims["upload"]).encode(), upload_id.encode()):
        raise Forbidden("the token is for another upload", {"upload_id": upload_id[:100]})
    owner = claims["sub"]
    if is_closed(core, owner):
        raise Forbidden("the account of the owner is disabled", {"upload_id": upload_id[:100]})
    session = find_session(core, upload_id, owner)
    if claims.get("bytes") not in (None, session.upload.size):
        raise Forbidden("the token is for another size", {"upload_id": upload_id[:100]})
    require_takes_slices(session.upload)
    return session


def _claims(core: Core, token: str) -> dict[str, Any]:
    try:
        if len(token) > MAX_TOKEN:
            raise jwt.InvalidTokenError
        claims = jwt.decode(token, _key(core), algorithms=[_ALGORITHM], audience=AUDIENCE, options=_OPTIONS)
        if int(claims["exp"]) * 1000 <= core.clock():
            raise _unauthorized("the token has expired: ask for a new one")
    except (jwt.InvalidTokenError, UnicodeError, ValueError, TypeError):
        raise _unauthorized("not a token of this door") from None
    return claims


def _key(core: Core) -> bytes:
    return hmac.new(core.settings.signing_key.encode(), b"token of the queue door", hashlib.sha256).digest()


def _unauthorized(message: str) -> Unauthorized:
    return Unauthorized(message, {"fields": {"token": [message]}})
