"""The address of operations of a process without a gateway."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from files_service.messaging.operation import OperationServer
from files_service.messaging.readiness import NotReady, Part
from files_service.runtime.metrics import Metrics
from tests.servers.ports import free_ports


class Parts:
    """A part that works or does not."""

    fault: Exception | None = None

    def check(self) -> None:
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
def port(parts: Parts) -> Iterator[int]:
    [port] = free_ports(1)
    checks = [Part(name="broker", check=parts.check), Part(name="lists", check=_fail, required=False)]
    server = OperationServer("127.0.0.1", port, Metrics(), checks)
    yield port
    server.close()


def _fail() -> None:
    raise NotReady("is filled")


def ask(port: int, path: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.read()


def test_it_lives_and_shows_metrics(port: int) -> None:
    assert ask(port, "/healthz") == (200, b'{"ok":true}')
    status, page = ask(port, "/metrics?x=1")
    assert status == 200
    assert b"files_uploaded_bytes_total 0.0" in page
    assert ask(port, "/secrets")[0] == 404


def test_it_is_ready_while_the_required_parts_are(port: int, parts: Parts) -> None:
    status, page = ask(port, "/readyz")
    assert status == 200
    assert json.loads(page)["parts"]["lists"] == {"ok": False, "error": "is filled", "required": False}
    for fault, shown in ((NotReady("no connection"), "no connection"), (OSError("host 10.0.0.1"), "does not answer")):
        parts.fault = fault
        status, page = ask(port, "/readyz")
        assert status == 503
        assert json.loads(page)["parts"]["broker"] == {"ok": False, "error": shown}
