"""Pings of nodes, signed as nodes sign them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from files_service.core import Core
from files_service.runtime.clock import now_ms
from files_service.services.opening import open_core
from storage_adapters.blobs.nodes.authentication import CONTROLLER, EMPTY_SHA256, NodeKeys, SignedRequest
from storage_adapters.blobs.nodes.http import hash_of
from tests.clocks import Clock
from tests.cores import settings_for
from tests.gateway.serving import Reply, Served
from tests.nodes.controller import SECRET

KEYS = NodeKeys.derive(SECRET)


def core_of_nodes(
    folder: Path, clock: Clock | None = None, *, metadata_url: str = "memory://", **overrides: Any
) -> Core:
    """A core with the secret of nodes, whose blobs are in memory."""
    settings = settings_for(
        folder, FILES_METADATA_URL=metadata_url, FILES_BLOBS_URL="memory://", FILES_NODES_SECRET=SECRET
    )
    opened = open_core(replace(settings, **overrides))
    return replace(opened, timer=clock) if clock is not None else opened


def signed(method: str, path: str, body: bytes = b"", keys: NodeKeys = KEYS) -> dict[str, str]:
    """The headers of a signed request to a controller."""
    request = SignedRequest(method, path, CONTROLLER, hash_of(body) if body else EMPTY_SHA256, len(body))
    return keys.headers(request, now=now_ms())


def told(node_id: str = "n1", **more: Any) -> dict[str, Any]:
    return {"id": node_id, "boot": f"boot-of-{node_id}", "boots": 1, "url": f"http://{node_id}:7000", **more}


def ping(served: Served, node_id: str = "n1", **more: Any) -> Reply:
    body = json.dumps(told(node_id, **more)).encode()
    headers = {**signed("POST", "/ping", body), "Content-Type": "application/json"}
    return served.request("POST", "/ping", body, headers)


def get(served: Served, path: str) -> Any:
    """The answer to a signed GET."""
    reply = served.request("GET", path, headers=signed("GET", path))
    assert reply.status == 200, reply.body
    return reply.json
