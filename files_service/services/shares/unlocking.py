"""Passwords of shares: the comparison, and the token that a visitor has after it, of which nothing is stored."""

from __future__ import annotations

import hashlib
import hmac

from files_service.core import Core
from files_service.domain.passwords import password_bytes
from files_service.domain.shares import MAX_PASSWORD, UNLOCK_MS, ShareEvent
from files_service.errors import Unauthorized
from files_service.services.accounts import throttling
from files_service.services.shares.activity import record_event
from files_service.services.shares.share import Share


def unlock(core: Core, share: Share, password: str, address: str) -> str:
    """Compare a password and return the token of the visitor. Raises Unauthorized, TooManyRequests."""
    subjects = (f"share {share.share_id}", f"share address {address}")
    with core.passwords.turn():
        throttling.require_pause(core, subjects)
        given = password_bytes(password)[: 4 * MAX_PASSWORD]
        if not core.share_passwords.verify(share.password, given):
            throttling.count_failure(core, subjects)
            record_event(core, share, ShareEvent.WRONG_PASSWORD, address)
            raise Unauthorized("the password is wrong", {"password": "wrong"})
    throttling.forget_failures(core, subjects[0])
    record_event(core, share, ShareEvent.UNLOCKED, address)
    expires_at = core.clock() + UNLOCK_MS
    return f"{expires_at}.{_signature(core, share, expires_at)}"


def is_unlocked(core: Core, share: Share, token: str) -> bool:
    """Return True for a token of this share and its present password that has not expired."""
    expiry, _, signature = token.partition(".")
    if not expiry.isascii() or not expiry.isdecimal() or len(expiry) > 16 or int(expiry) <= core.clock():
        return False
    return hmac.compare_digest(_signature(core, share, int(expiry)).encode(), signature.encode(errors="replace"))


def _signature(core: Core, share: Share, expires_at: int) -> str:
    signed = f"unlocked share\n{share.share_id}\n{share.epoch}\n{expires_at}".encode()
    return hmac.new(core.settings.signing_key.encode(), signed, hashlib.sha256).hexdigest()
