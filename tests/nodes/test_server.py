"""The HTTP server of a node beside senders that stop in the middle."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from files_service.nodes import server
from storage_adapters.blobs.nodes.authentication import NodeKeys, SignedRequest
from storage_adapters.blobs.nodes.calls import wall_clock_ms
from storage_adapters.blobs.nodes.http import hash_of
from tests.nodes.clusters import NodeThread
from tests.nodes.controller import SECRET, SmallController
from tests.waiting import PATIENCE_SECONDS

PLACES = 2


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NodeThread]:
    """A node that receives two bodies at once, and waits for none of them."""
    monkeypatch.setattr(server, "BODIES_AT_ONCE", PLACES)
    monkeypatch.setattr(server, "BODY_SECONDS", 0.1)
    with SmallController() as controller:
        started = NodeThread(tmp_path / "node", controller.address).start()
        yield started
        started.stop()


def signed(node: NodeThread, method: str, path: str, body: bytes = b"") -> dict[str, str]:
    request = SignedRequest(method, path, node.node.node_id, hash_of(body), len(body))
    return NodeKeys.derive(SECRET).headers(request, now=wall_clock_ms())


def half_sent(node: NodeThread) -> socket.socket:
    """Return a connection on which half of a body was sent."""
    body = b"x" * 1_000
    headers = {**signed(node, "POST", "/chunk?id=a", body), "Host": "node", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    address = urlsplit(node.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=PATIENCE_SECONDS)
    connection.sendall(f"POST /chunk?id=a HTTP/1.1\r\n{head}\r\n".encode() + body[:500])
    return connection


def test_senders_that_stop_in_the_middle_hold_up_nobody(node: NodeThread) -> None:
    with ExitStack() as opened:
        halves = [opened.enter_context(half_sent(node)) for _ in range(3 * PLACES)]
        for half in halves:
            assert half.recv(100).startswith(b"HTTP/1.1 408 ")
            half.shutdown(socket.SHUT_WR)
            while half.recv(4_096):
                pass
        answer = requests.get(f"{node.url}/chunk/a", headers=signed(node, "GET", "/chunk/a"), timeout=PATIENCE_SECONDS)
    assert (answer.status_code, answer.headers["X-Files-Answer"]) == (404, "absent")
    assert list((node.root / "tmp").iterdir()) == []


def test_others_are_answered_while_halves_are_waited_for(node: NodeThread) -> None:
    """Their connections stay open, as those of machines without power."""
    with ExitStack() as opened:
        for _ in range(3 * PLACES):
            opened.enter_context(half_sent(node))
        path = "/chunk/a"
        answer = requests.get(node.url + path, headers=signed(node, "GET", path), timeout=PATIENCE_SECONDS)
        assert answer.status_code == 404
