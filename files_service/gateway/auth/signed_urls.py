"""Signed URLs: the permission to send or read one blob."""

from __future__ import annotations

from aiohttp import web

from files_service.errors import Forbidden, NotSupported
from files_service.gateway.state import gateway_of
from storage_adapters import Grant, InvalidSignature, VerifiesSignedUrls


def grant_of(request: web.Request, key: str) -> Grant:
    """Check the signature of a request for this key. Raises Forbidden when another request was signed, or none."""
    core = gateway_of(request).core
    if not isinstance(core.blobs, VerifiesSignedUrls):
        raise NotSupported("the blob store serves its URLs itself")
    try:
        return core.blobs.verify(request.method, key, request.query, now=core.clock())
    except InvalidSignature as error:
        raise Forbidden(f"signature: {error}", {"fields": {"signature": [str(error)]}}) from error
