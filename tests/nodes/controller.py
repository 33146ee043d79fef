"""A small controller in memory: it registers whatever pings, and shows the layout."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from storage_adapters.blobs.nodes.authentication import CONTROLLER, NodeKeys, SignedRequest, content_hash
from storage_adapters.blobs.nodes.calls import wall_clock_ms
from storage_adapters.blobs.nodes.protocol.layout import Layout, Node
from storage_adapters.blobs.nodes.protocol.wire import layout_to_json

SECRET = "secret-of-nodes-for-tests-0123456789abcdef"


class SmallController:
    """Each node that pings is active at once, and stays so; a later start must have a higher number."""

    def __init__(self, *, copies: int = 2, min_write: int = 2) -> None:
        self._layout = Layout(0, copies, min_write, ())
        self.pings: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._keys = NodeKeys.derive(SECRET)
        controller = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self._answer(*controller._shown(self.path, dict(self.headers)))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(*controller._pinged(self.path, dict(self.headers), body))

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer no more. Stopping twice is harmless."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def layout(self) -> Layout:
        """The layout of now."""
        return self._layout

    def _shown(self, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        self._keys.verify(SignedRequest("GET", path, CONTROLLER), headers, now=wall_clock_ms())
        if path == "/layout":
            return 200, layout_to_json(self._layout)
        with self._lock:
            return 200, json.dumps({"nodes": [{**ping, "state": "active"} for ping in self.pings.values()]}).encode()

    def _pinged(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        assert content_hash(headers) == hashlib.sha256(body).hexdigest()
        signed = SignedRequest("POST", path, CONTROLLER, content_hash(headers), len(body))
        self._keys.verify(signed, headers, now=wall_clock_ms())
        ping = json.loads(body)
        with self._lock:
            known = self.pings.get(ping["id"])
            if known is not None and known["boot"] != ping["boot"] and ping["boots"] <= known["boots"]:
                return 409, json.dumps({"error": {"message": "this is a copy of its folder"}}).encode()
            self.pings[ping["id"]] = ping
            if known is None or known["url"] != ping["url"]:
                self._join(Node(ping["id"], ping["url"], ping["zone"], ping["weight"]))
        return 200, b"{}"

    def _join(self, node: Node) -> None:
        others = tuple(each for each in self._layout.nodes if each.node_id != node.node_id)
        nodes = tuple(sorted((*others, node), key=lambda each: each.node_id))
        self._layout = Layout(self._layout.version + 1, self._layout.copies, self._layout.min_write, nodes)
