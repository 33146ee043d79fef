"""The address of operations: metrics, documents and details that the public address does not show."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.gateway.endpoint import AddressUnavailable
from files_service.gateway.limits import Limits
from tests.cores import memory_core
from tests.gateway.serving import RPC_TOKEN, WAIT_SECONDS, Served, head_of, serving, wait_until
from tests.servers.ports import free_ports

HIDDEN = ("/metrics", "/docs", "/openapi.json")
PUBLIC_URL = "https://files.example.org/base"
# A call whose body is still to come.
UNFINISHED = head_of(
    "POST",
    "/rpc/files.count",
    {"Authorization": f"Bearer {RPC_TOKEN}", "Content-Type": "application/json", "Content-Length": "2"},
)


@pytest.fixture
def port() -> int:
    [port] = free_ports(1)
    return port


@pytest.fixture
def public(tmp_path: Path, port: int) -> Iterator[Served]:
    """A gateway with an operation address."""
    core = memory_core(tmp_path, operation_http=f"127.0.0.1:{port}", public_url=PUBLIC_URL)
    with serving(core) as served:
        yield served


@pytest.fixture
def operation(public: Served, port: int) -> Served:
    """The same gateway at its operation address."""
    return replace(public, port=port)


def test_the_public_address_shows_nothing_of_operations(public: Served) -> None:
    for path in HIDDEN:
        assert (public.request("GET", path).status, public.request("GET", path).code) == (404, "not_found")
    assert public.request("GET", "/healthz").json == {"ok": True}
    assert public.request("GET", "/readyz").json == {"ready": True}
    welcome = public.request("GET", "/").body.decode()
    assert not any(path in welcome for path in (*HIDDEN, "/readyz"))
    public.state.stopping = True
    reply = public.request("GET", "/readyz")
    assert (reply.status, reply.json) == (503, {"ready": False})


def test_the_operation_address_shows_it_and_opens_no_other_door(operation: Served) -> None:
    assert operation.request("GET", "/healthz").json == {"ok": True}
    assert set(operation.request("GET", "/readyz").json["parts"]) == {"metadata", "blobs", "gateway"}
    assert b'files_http_requests_total{method="GET",route="/readyz",status="200"} 1.0' in (
        operation.request("GET", "/metrics").body
    )
    for path in ("/", "/api/files", "/sign-in", "/tus/", "/rpc/files.count"):
        assert operation.request("GET", path).status == 404
    assert operation.call("files.count").status == 404


def test_the_documents_at_the_operation_address_lead_to_the_public_one(operation: Served) -> None:
    document = operation.request("GET", "/openapi.json").json
    assert document["servers"] == [{"url": PUBLIC_URL}]
    assert "/api/files" in document["paths"]
    assert "/metrics" not in document["paths"]
    page = operation.request("GET", "/docs").body.decode()
    assert f'href="{PUBLIC_URL}/"' in page
    styles = re.findall(r'rel="stylesheet" href="([^"]+)"', page)
    assert {operation.request("GET", style).status for style in styles} == {200}


def test_operators_find_a_place_while_clients_hold_all_others(tmp_path: Path, port: int) -> None:
    core = memory_core(tmp_path, operation_http=f"127.0.0.1:{port}")
    with serving(core, Limits(connections_of_peer=1)) as served, served.connect() as stranger:
        stranger.sendall(UNFINISHED)
        wait_until(lambda: served.state.in_flight == 1)
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            served.request("GET", "/healthz")
        assert replace(served, port=port).request("GET", "/readyz").json["ready"]


def test_a_stopping_gateway_says_so_at_the_operation_address_until_the_end(public: Served, operation: Served) -> None:
    with public.connect() as slow:
        slow.sendall(UNFINISHED)
        wait_until(lambda: public.state.in_flight == 1)
        stopping = threading.Thread(target=public.stop)
        stopping.start()
        wait_until(lambda: public.state.stopping)
        reply = operation.request("GET", "/readyz")
        assert (reply.status, reply.json["parts"]["gateway"]) == (503, {"ok": False, "error": "stopping"})
        slow.sendall(b"{}")
        stopping.join(WAIT_SECONDS)
    assert not stopping.is_alive()
    with pytest.raises(ConnectionRefusedError):
        operation.connect()


def test_an_address_in_use_stops_the_start_and_frees_the_other(tmp_path: Path, port: int) -> None:
    core = memory_core(tmp_path, operation_http=f"127.0.0.1:{port}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(AddressUnavailable, match=f"127.0.0.1:{number}"), serving(core, port=number):
            pass
    with socket.create_server(("127.0.0.1", port)):
        core = memory_core(tmp_path, operation_http=f"127.0.0.1:{port}")
        with pytest.raises(AddressUnavailable, match=f"127.0.0.1:{port}"), serving(core):
            pass
