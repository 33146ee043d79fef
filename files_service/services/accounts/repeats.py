"""Repeated calls that make a secret: the id of the request stands for it, so that the store keeps its hash alone.

A request id is the caller's. What is made from it also depends on the signing key, which callers do not have.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from files_service.core import Core
from files_service.services.accounts.documents import new_secret


def secret_of(core: Core, request_id: str | None, *said: str | None, prefix: str = "") -> str:
    """Make a secret of 256 bits: the same one for the same request and what it says, a new one without an id."""
    if request_id is None:
        return new_secret(prefix)
    return prefix + base64.urlsafe_b64encode(bytes_of(core, request_id, *said)).decode().rstrip("=")


def name_of(core: Core, request_id: str | None, *said: str | None) -> str | None:
    """Return the form in which what is made remembers the request that made it."""
    return None if request_id is None else bytes_of(core, request_id, "name", *said).hex()


def bytes_of(core: Core, request_id: str, *said: str | None) -> bytes:
    """Return 32 bytes that stand for a request and what it says."""
    text = json.dumps([request_id, *(None if each is None else str(each) for each in said)])
    return hmac.new(core.settings.signing_key.encode(), b"repeated call " + text.encode(), hashlib.sha256).digest()
