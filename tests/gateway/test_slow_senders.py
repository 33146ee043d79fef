"""Senders that send next to nothing hold a place like those that send nothing: they are let go, at every door."""

from __future__ import annotations

import asyncio
import select
import socket
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from files_service.gateway.doors.websocket.state import SHARED
from files_service.gateway.limits import Limits
from tests.cores import sqlite_core
from tests.gateway.owners import bearer
from tests.gateway.serving import WAIT_SECONDS, Served, head_of, serving, wait_until
from tests.gateway.slices import PROTOCOL, Talk, talking
from tests.gateway.tus import BYTES, made

LIMITS = Limits(upload_idle_seconds=0.6, upload_least_bytes=2_000, websocket_idle_seconds=0.6)
PATIENT = Limits(upload_idle_seconds=60, upload_least_bytes=2_000, strangers=4, websocket_first_seconds=600)
# A thread that reads the socket has the clock of the machine.
HASTY = Limits(upload_idle_seconds=1.5, upload_least_bytes=2_000)
FORM = "multipart/form-data; boundary=b"
END = b"\r\n--b--\r\n"
SIZE = 100_000
FIELD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(sqlite_core(tmp_path_factory.mktemp("data")), LIMITS) as served:
        yield served


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(sqlite_core(tmp_path_factory.mktemp("data")), PATIENT) as served:
        yield served


def request_of(served: Served, door: str) -> tuple[bytes, bool]:
    """The beginning of a request, and whether its body is sent in chunks of HTTP."""
    ann = bearer("ann")
    match door:
        case "tus, from the socket":
            said = {**BYTES, "Upload-Offset": "0", "Content-Length": str(2 * 2**20)}
            return head_of("PATCH", made(served, 2 * 2**20), said), False
        case "tus, by the loop":
            said = {**BYTES, "Upload-Offset": "0", "Content-Length": str(SIZE)}
            return head_of("PATCH", made(served, SIZE), said), False
        case "tus, of unknown size":
            return head_of("PATCH", made(served), {**BYTES, "Upload-Offset": "0", "Transfer-Encoding": "chunked"}), True
        case "REST":
            return head_of("POST", "/api/files/upload?name=a", {**ann, "Content-Length": str(SIZE)}), False
    said = {**ann, "Content-Type": FORM, "Content-Length": str(SIZE)}
    return head_of("POST", "/api/files/upload", said) + FIELD, False


DOORS = ["tus, from the socket", "tus, by the loop", "tus, of unknown size", "REST", "a form"]


@pytest.mark.parametrize("door", DOORS)
def test_a_sender_that_dribbles_is_let_go(served: Served, door: str) -> None:
    head, chunked = request_of(served, door)
    drop = b"1\r\nx\r\n" if chunked else b"x"
    with served.connect() as connection:
        connection.sendall(head)
        end = time.monotonic() + WAIT_SECONDS
        while not select.select([connection], [], [], 0.02)[0]:
            # It may be let go at this moment.
            with suppress(ConnectionError):
                connection.sendall(drop)
            assert time.monotonic() < end, "it was not let go"
        assert connection.recv(1_000).startswith(b"HTTP/1.1 408")
    wait_until(lambda: served.state.uploads.taken == 0 and served.state.engine()._senders == 0)


@pytest.mark.parametrize("door", DOORS[1:])
def test_a_slow_sender_who_sends_enough_is_waited_for(patient: Served, door: str) -> None:
    head, chunked = request_of(patient, door)
    piece, before = b"x" * 1_000, FIELD if door == "a form" else b""
    with patient.connect() as connection:
        connection.sendall(head)
        for _ in range(8):
            # In all longer than the time in which something has to come, and more than has to come in it.
            for seconds in (0, PATIENT.upload_idle_seconds / 4):
                patient.pass_seconds(seconds)
                assert not select.select([connection], [], [], 0.02)[0], connection.recv(1_000)
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        rest = b"0\r\n\r\n" if chunked else b"x" * (SIZE - len(before) - 8 * len(piece) - len(END))
        connection.sendall(rest if chunked else rest + END)
        assert connection.recv(1_000).split()[1] in (b"201", b"204")
    wait_until(lambda: patient.state.uploads.taken == 0)


def test_a_slow_sender_whose_socket_a_thread_reads_is_waited_for(tmp_path: Path) -> None:
    def let_go_after(connection: socket.socket) -> float | None:
        """The longest time in which nothing was sent, if it was let go."""
        longest, sent_at = 0.0, time.monotonic()
        for _ in range(32):
            if select.select([connection], [], [], 0.05)[0]:
                return longest
            connection.sendall(b"x" * 1_000)
            longest, sent_at = max(longest, time.monotonic() - sent_at), time.monotonic()
        return None

    end = time.monotonic() + WAIT_SECONDS
    with serving(sqlite_core(tmp_path), HASTY) as served:
        while time.monotonic() < end:
            head, _ = request_of(served, DOORS[0])
            with served.connect() as connection:
                connection.sendall(head)
                longest = let_go_after(connection)
            if longest is None:
                break
            # A busy machine may have kept it from sending on time.
            assert longest > HASTY.upload_idle_seconds / 4, "it was let go although it sent enough"
        assert longest is None
        wait_until(lambda: served.state.uploads.taken == 0)


def test_a_client_that_dribbles_slices_is_let_go(served: Served) -> None:
    async def scene() -> Any:
        async with talking(served.port) as client:
            await client.ask(op="start", name="a")
            for place in range(1_000):
                await client.put(place, b"x")
                if (heard := await client.hear())["op"] != "ack":
                    return heard
                await asyncio.sleep(0.02)
            raise AssertionError("it was not let go")

    assert asyncio.run(scene())["code"] == "busy"
    wait_until(lambda: served.state.uploads.taken == 0)


def test_connections_without_a_token_take_no_places_from_those_who_have_one(patient: Served) -> None:
    async def scene() -> Any:
        async with AsyncExitStack() as stack:
            strangers = [
                await stack.enter_async_context(talking(patient.port, None)) for _ in range(PATIENT.strangers - 1)
            ]
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await stack.enter_async_context(talking(patient.port, None))
            assert refused.value.status == 503
            assert patient.state.uploads.taken == 0
            known = await stack.enter_async_context(talking(patient.port))
            assert (await known.ask(op="start", name="a", size=0))["op"] == "manifest"
            token = bearer("bob")["Authorization"].partition(" ")[2]
            first: Talk = strangers[0]
            assert (await first.ask(op="start", name="a", size=0, token=token))["op"] == "manifest"
            assert (patient.state.uploads.taken, patient.state_of(SHARED).strangers.taken) == (2, 2)
            await stack.enter_async_context(talking(patient.port, None))

    asyncio.run(scene())
    wait_until(lambda: patient.state.uploads.taken == patient.state_of(SHARED).strangers.taken == 0)


def test_who_shows_no_token_soon_is_let_go(tmp_path: Path) -> None:
    with serving(sqlite_core(tmp_path), Limits(websocket_first_seconds=0.3)) as served:

        async def scene() -> Any:
            async with talking(served.port, None) as client:
                return await client.hear()

        assert asyncio.run(scene())["code"] == "busy"


def test_a_token_that_does_not_hold_opens_no_websocket(served: Served) -> None:
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": PROTOCOL,
    }
    refused = served.request("GET", "/ws/upload", None, {**handshake, **bearer("ann", -5)})
    assert (refused.status, refused.code) == (401, "unauthorized")
