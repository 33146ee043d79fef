"""Calls of one node by HTTP, for the drivers of the rules."""

from __future__ import annotations

import time
from collections.abc import Callable

from storage_adapters.blobs.nodes.authentication import SignedRequest
from storage_adapters.blobs.nodes.http import NoReply, SignedClient, hash_of
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.errors import Unreachable
from storage_adapters.blobs.nodes.protocol.wire import DESTRUCTIVE, reply_from_http, request_to_http


def wall_clock_ms() -> int:
    """Return the milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class NodeCaller:
    """Requests to nodes; threads may share it."""

    def __init__(self, client: SignedClient, *, clock: Callable[[], int] = wall_clock_ms) -> None:
        self._client, self._clock = client, clock

    def call(self, node_id: str, url: str, request: m.Request, timeout: float) -> m.Reply:
        """Send a request to the node at a URL; return its reply. Raises Unreachable, NodeError."""
        sent = request_to_http(request)
        body = sent.body
        sha256 = request.sha256 if isinstance(request, m.PutChunk) else hash_of(body)
        signed = SignedRequest(sent.method, sent.path, node_id, sha256, len(body))
        try:
            reply = self._client.request(
                url,
                signed,
                body=body,
                headers=sent.headers,
                now=self._clock(),
                timeout=timeout,
                destroys=isinstance(request, DESTRUCTIVE),
            )
        except NoReply as error:
            raise Unreachable(node_id, str(error)) from None
        return reply_from_http(reply.status, reply.headers, reply.body)
