"""Calls of people who sign in: their threads, what the gateway says of their devices, and their cookies."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

from files_service.gateway.auth.cookies import set_cookie
from files_service.gateway.auth.people import end_watch
from files_service.gateway.peers import peer_holder
from files_service.gateway.state import gateway_of
from storage_adapters import JSON

# Calls that may wait for their turn to hash.
_HASHING = frozenset({"accounts.register", "accounts.login", "accounts.set_password"})


async def call_for_people(request: web.Request, method: str, **params: Any) -> JSON:
    """Call a method of accounts, in the threads of sign-ins where it hashes."""
    end_watch(request)
    gateway = gateway_of(request)
    threads = gateway.sign_ins if method in _HASHING else gateway.calls
    return await threads.run(gateway.invoke, method, params)


def client_of(request: web.Request) -> dict[str, str]:
    """Return device and address of the person as parameters of a call."""
    device = request.headers.get("User-Agent", "").encode(errors="replace").decode()[:200]
    printable = "".join(c if c.isprintable() else "?" for c in device)
    return {"device": printable, "address": peer_holder(request).removeprefix("peer ")}


def set_session(request: web.Request, response: web.StreamResponse, signed_in: JSON) -> None:
    """Set the cookie of a new session."""
    seconds = max(0, signed_in["expires_at"] // 1000 - int(time.time()))
    set_cookie(request, response, signed_in["token"], seconds, "Lax")
