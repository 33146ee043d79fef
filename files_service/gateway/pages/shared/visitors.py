"""Visitors of a share: what their cookies prove, and how the cookies are set. No proof is in any address."""

from __future__ import annotations

from aiohttp import web

from files_service.domain.shares import GRANT_MS, UNLOCK_MS, VISIT_MS
from files_service.gateway.auth.sessions import is_same_site, session_of
from files_service.gateway.state import gateway_of
from files_service.services.shares.gate import Visit

UNLOCKED, GRANT, SENDER = "files_share", "files_grant", "files_sender"
_AGES = {UNLOCKED: UNLOCK_MS // 1000, GRANT: GRANT_MS // 1000, SENDER: VISIT_MS // 1000}
# No proof of ours is longer.
_MOST = 200


def visit_of(request: web.Request) -> Visit:
    """Return the proofs of the visitor. A cookie that another site could send along is none of them."""
    proofs = _proofs_of(request.headers.get("Cookie", ""))
    session = session_of(request)
    viewer = session.owner if session is not None else None
    unlocked, grant, sender = (proofs.get(name, "") for name in _AGES)
    return Visit(unlocked=unlocked, grant=grant, sender=sender, viewer=viewer)


def set_proof(request: web.Request, response: web.StreamResponse, name: str, value: str) -> None:
    """Set the cookie of a proof, which the browser sends to this share alone."""
    settings = gateway_of(request).core.settings
    response.set_cookie(
        name,
        value,
        max_age=_AGES[name],
        path=f"{settings.public_path}/s/{request.match_info['key']}",
        httponly=True,
        samesite="Lax",
        secure=settings.public_url.startswith("https:"),
    )


def is_own_form(request: web.Request) -> bool:
    """Return True for a form of this site; its pages send no referrer, so browsers name the origin ``null``."""
    return request.headers.get("Origin") in (None, "null") or is_same_site(request)


def _proofs_of(cookies: str) -> dict[str, str]:
    proofs: dict[str, str] = {}
    for pair in cookies.split(";"):
        name, _, value = pair.strip().partition("=")
        if name in _AGES and len(value) <= _MOST:
            proofs.setdefault(name, value.strip('"'))
    return proofs
