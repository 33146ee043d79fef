"""``/ping``, ``/active-nodes``, ``/layout``: for nodes and adapters by signature; the last two for operators, too."""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from files_service.domain.access import NOBODY
from files_service.errors import Forbidden, Unauthorized
from files_service.gateway.auth.callers import actor_of
from files_service.gateway.replies import bad_field, json_reply
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.body import parse_object, read_small, require_json
from files_service.nodes.controller.controller import Controller
from files_service.nodes.controller.members import Ping, ping_of
from storage_adapters.blobs.nodes import authentication
from storage_adapters.blobs.nodes.authentication import SIGNATURE, SignedRequest, Unauthentic, content_hash

CONTROLLER = web.AppKey("controller", Controller)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_TEXT = 300
_UNSIGNED = "sign the request with the secret of the nodes"
_WEIGHTS = (0.001, 1_000.0)
_TEXTS = ("boot", "url", "cluster", "zone", "digest_root", "medium")
_COUNTS = ("boots", "free", "total", "epoch", "clock", "damaged")


def controller_of(request: web.Request) -> Controller:
    """Return the controller of the request's gateway."""
    return request.config_dict[CONTROLLER]


async def close(app: web.Application) -> None:
    """Close the connections to the nodes."""
    app[CONTROLLER].close()


async def ping(request: web.Request) -> web.StreamResponse:
    """Create or update the node that sends this."""
    controller = controller_of(request)
    if SIGNATURE not in request.headers:
        raise Unauthorized(_UNSIGNED)
    require_json(request)
    limits = gateway_of(request).limits
    body = await read_small(request, limits, most=limits.user_call_bytes)
    _require_signature(request, controller, body)
    told = _ping_in(parse_object(body, limits))
    answer = await gateway_of(request).calls.run(controller.ping, told)
    return json_reply(answer, 201 if answer["created"] else 200)


async def active_nodes(request: web.Request) -> web.StreamResponse:
    """Reply with the nodes that ping."""
    controller = controller_of(request)
    _require_peer(request, controller)
    return json_reply(await gateway_of(request).calls.run(controller.active_nodes))


async def layout(request: web.Request) -> web.StreamResponse:
    """Reply with the layout."""
    controller = controller_of(request)
    _require_peer(request, controller)
    return json_reply(await gateway_of(request).calls.run(controller.layout))


def _require_peer(request: web.Request, controller: Controller) -> None:
    """Let nodes, adapters and trusted systems pass. Raises Unauthorized, Forbidden."""
    if SIGNATURE in request.headers:
        _require_signature(request, controller, b"")
        return
    actor = actor_of(request)
    if actor == NOBODY:
        raise Unauthorized(f"{_UNSIGNED}, or send the RPC token")
    if actor is not None:
        raise Forbidden("nodes are for operators")


def _require_signature(request: web.Request, controller: Controller, body: bytes) -> None:
    keys = controller.keys
    try:
        sha256 = content_hash(request.headers)
        if body and hashlib.sha256(body).hexdigest() != sha256:
            raise Unauthentic("the body is not the signed one")
        signed = SignedRequest(request.method, request.raw_path, authentication.CONTROLLER, sha256, len(body))
        keys.verify(signed, request.headers, now=controller.core.clock())
    except Unauthentic as error:
        raise Unauthorized(str(error)) from None


def _ping_in(body: dict[str, Any]) -> Ping:
    """Return the ping in a body; what a later node adds is left out. Raises HTTPError that names a wrong field."""
    node_id = body.pop("id", None)
    if not isinstance(node_id, str) or _ID.fullmatch(node_id) is None:
        raise bad_field("id", "Must be an id of letters, digits, '.', '_' and '-'.")
    for name in ("boot", "boots", "url"):
        if name not in body:
            raise bad_field(name, "Missing.")
    for name in _TEXTS:
        value = body.get(name, "")
        if not isinstance(value, str) or len(value) > _MOST_TEXT or not value.isprintable():
            raise bad_field(name, "Must be a short text.")
    for name in _COUNTS:
        if not _is_number(body.get(name, 0), int):
            raise bad_field(name, "Must be a number.")
    for name in ("weight", "oldest_unverified_seconds"):
        if not _is_number(body.get(name, 1.0), int | float):
            raise bad_field(name, "Must be a number.")
    for name in ("complete", "read_only"):
        if not isinstance(body.get(name, False), bool):
            raise bad_field(name, "Must be true or false.")
    if not _WEIGHTS[0] <= body.get("weight", 1.0) <= _WEIGHTS[1]:
        raise bad_field("weight", f"Must be from {_WEIGHTS[0]:g} to {_WEIGHTS[1]:g}.")
    if not _is_address(body["url"]):
        raise bad_field("url", "Must be http://host:port.")
    return ping_of({**body, "node_id": node_id, "url": body["url"].rstrip("/")})


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not (parts.path.strip("/") or parts.query)


def _is_number(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value < 2**63
