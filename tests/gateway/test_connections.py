"""Connections: their number, in all and by peer, and the heads of their requests, are bounded."""

from __future__ import annotations

import asyncio
import logging
import socket
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from files_service.gateway.connections import Connections, accept
from files_service.gateway.limits import Limits
from tests.cores import memory_core
from tests.gateway.serving import Served, serving, wait_until
from tests.waiting import PATIENCE_SECONDS

HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def bounded(tmp_path: Path) -> Iterator[Served]:
    with serving(memory_core(tmp_path), Limits(connections=6, connections_of_peer=4)) as served:
        yield served


def from_address(served: Served, address: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_SECONDS, source_address=(address, 0))


def answered(connection: socket.socket) -> bool:
    connection.sendall(HEAD + b"\r\n")
    return connection.recv(65_536).startswith(b"HTTP/1.1 200")


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_all_headers_together_are_bounded(memory_gateway: Served) -> None:
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 4_000) for number in range(20))
    answer = memory_gateway.talk(HEAD + lines + b"\r\n")
    assert b" 431 " in answer.splitlines()[0]
    assert answer.count(b"X-Request-Id") == 1


def test_headers_below_the_bound_are_taken_also_in_pieces(memory_gateway: Served) -> None:
    head = HEAD + b"".join(b"X-%d: %s\r\n" % (number, b"a" * 4_000) for number in range(7))
    with memory_gateway.connect() as connection:
        for place in range(0, len(head), 5_000):
            connection.sendall(head[place : place + 5_000])
        connection.sendall(b"\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


def test_pipelined_requests_are_no_long_head(memory_gateway: Served) -> None:
    count = 2_000
    last = HEAD + b"Connection: close\r\n\r\n"
    assert memory_gateway.talk((HEAD + b"\r\n") * count + last).count(b"HTTP/1.1 200") == count + 1


def test_a_head_that_is_not_finished_ends_the_connection(tmp_path: Path) -> None:
    with serving(memory_core(tmp_path), Limits(head_seconds=0.5)) as served:
        with served.connect() as connection:
            connection.sendall(HEAD)
            assert is_closed(connection)
        wait_until(lambda: len(served.server.connections) == 0)


def test_a_peer_has_a_share_and_its_idle_connections_go_first(bounded: Served) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(from_address(bounded, "127.0.0.2"))
        assert answered(other)
        many = [stack.enter_context(bounded.connect()) for _ in range(4)]
        assert all(map(answered, many))
        newest = stack.enter_context(bounded.connect())
        assert answered(newest)
        assert is_closed(many[0])
        assert bounded.server.connections.of_peer("127.0.0.1") == 4
        assert answered(other)


def test_a_full_gateway_closes_the_oldest_idle_connection_and_says_so_once(
    bounded: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with ExitStack() as stack, caplog.at_level(logging.WARNING):
        # One address per connection: no peer has too many.
        opened = []
        for number in range(2, 14):
            opened.append(stack.enter_context(from_address(bounded, f"127.0.0.{number}")))
            assert answered(opened[-1])
        assert all(map(is_closed, opened[:5]))
        assert len(bounded.server.connections) <= 6
    assert sum("all its connections" in each.getMessage() for each in caplog.records) == 1


class Closing(asyncio.Protocol):
    """Closes a connection as soon as it has begun, as a server does at its end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


@pytest.mark.parametrize("turns", range(6))
def test_no_connection_stays_open_that_comes_as_the_gateway_stops(turns: int) -> None:
    async def stop_as_it_comes() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(0)
            accepting = asyncio.ensure_future(accept(listener, Connections(9, 9), Closing))
            for _ in range(3):
                await asyncio.sleep(0)
            with socket.create_connection(listener.getsockname(), timeout=PATIENCE_SECONDS) as client:
                for _ in range(turns):
                    await asyncio.sleep(0)
                accepting.cancel()
                await asyncio.gather(accepting, return_exceptions=True)
                listener.close()
                assert await asyncio.get_running_loop().run_in_executor(None, is_closed, client)

    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always")
        asyncio.run(stop_as_it_comes())
    # A socket that nobody has closed tells so when it is forgotten.
    assert [str(each.message) for each in left] == []
