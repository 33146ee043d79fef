"""Connections of a controller to the nodes."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from storage_adapters.blobs.nodes.authentication import NodeKeys
from storage_adapters.blobs.nodes.calls import NodeCaller
from storage_adapters.blobs.nodes.http import SignedClient
from storage_adapters.blobs.nodes.protocol.errors import ProtocolError
from storage_adapters.blobs.nodes.protocol.layout import Node
from storage_adapters.blobs.nodes.protocol.messages import Reply, Request

ASK_SECONDS = 5.0
_THREADS = 16


class Nodes:
    """Requests to nodes, several at the same time. Threads may share it."""

    def __init__(self, keys: NodeKeys) -> None:
        self._client = SignedClient(keys)
        self._caller = NodeCaller(self._client)
        self.threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="nodes")

    def ask(self, node: Node, request: Request, timeout: float = ASK_SECONDS) -> Reply:
        """Send a request to a node; return its reply. Raises Unreachable, NodeError."""
        return self._caller.call(node.node_id, node.url, request, timeout)

    def ask_all(
        self, nodes: Iterable[Node], request: Request, timeout: float = ASK_SECONDS
    ) -> dict[str, Reply | ProtocolError]:
        """Send a request to nodes at the same time; return the reply or the error of each, by id."""

        def ask(node: Node) -> Reply | ProtocolError:
            try:
                return self.ask(node, request, timeout)
            except ProtocolError as error:
                return error

        asked = {node.node_id: self.threads.submit(ask, node) for node in nodes}
        return {node_id: each.result() for node_id, each in asked.items()}

    def close(self) -> None:
        """Close all connections."""
        self.threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()
