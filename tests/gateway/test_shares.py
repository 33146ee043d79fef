"""Places are shared: no owner, peer or public file has all of them; and what is long is refused before it is read."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import aiohttp
import pytest

from files_service.errors import ServiceUnavailable
from files_service.gateway.doors.websocket.state import SHARED
from files_service.gateway.limits import Limits
from files_service.runtime.limiter import Limiter
from tests.cores import memory_core
from tests.gateway.owners import bearer
from tests.gateway.raw_websocket import RawSocket, frame_head
from tests.gateway.serving import Served, head_of, serving, wait_until
from tests.gateway.slices import talking

PONG = 0x8A


def take_all(limiter: Limiter, stack: ExitStack, *holders: str) -> int:
    """Take places until one is refused."""
    for count in range(limiter.limit + 1):
        try:
            stack.enter_context(limiter.take(*holders))
        except ServiceUnavailable:
            return count
    raise AssertionError("it has no limit")


def test_a_holder_never_has_all_places_and_a_new_one_always_gets_one() -> None:
    limiter = Limiter("places", 64)
    with ExitStack() as stack:
        counts = [take_all(limiter, stack, f"owner {number}") for number in range(4)]
        assert counts == [48, 12, 3, 1]
    assert limiter.taken == 0
    with ExitStack() as stack:
        assert take_all(limiter, stack) == 64


def test_a_place_needs_a_share_of_the_owner_and_of_the_peer() -> None:
    limiter = Limiter("places", 8)
    with ExitStack() as stack:
        # One peer with many owners has no more than one owner.
        for number in range(6):
            stack.enter_context(limiter.take("peer a", f"owner {number}"))
        with pytest.raises(ServiceUnavailable):
            stack.enter_context(limiter.take("peer a", "owner 7"))
        stack.enter_context(limiter.take("peer b", "owner 7"))


def test_who_has_no_place_gets_one_although_others_have_all_of_the_file() -> None:
    limiter = Limiter("downloads", 64)
    with ExitStack() as stack:
        assert take_all(limiter, stack, "peer a", "file 1") == 48
        for number in range(8):
            stack.enter_context(limiter.take(f"peer {number}", "file 1"))
        with pytest.raises(ServiceUnavailable):
            stack.enter_context(limiter.take("peer z", "file 1"))
        assert limiter.limit - limiter.taken == 8
        assert take_all(limiter, stack, "peer z", "file 2") == 6


def test_websockets_take_a_place_only_while_an_upload_is_open(memory_gateway: Served) -> None:
    async def scene() -> None:
        async with talking(memory_gateway.port) as client:
            assert memory_gateway.state.uploads.taken == 0
            assert (await client.ask(op="start", name="a", size=1))["op"] == "manifest"
            assert memory_gateway.state.uploads.taken == 1
            await client.put(0, b"x")
            assert (await client.hear())["op"] == "ack"
            assert (await client.ask(op="finish"))["op"] == "done"
            await asyncio.to_thread(wait_until, lambda: memory_gateway.state.uploads.taken == 0)
            assert memory_gateway.state_of(SHARED).connections.taken == 1

    asyncio.run(scene())


def test_an_owner_with_idle_websockets_leaves_uploads_to_others(tmp_path: Path) -> None:
    limits = Limits(uploads=4, websockets=8)
    with serving(memory_core(tmp_path), limits) as served, ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(RawSocket(served.port))
        reply = served.request("POST", "/api/files/upload?name=a", b"x", bearer("bob"))
        assert reply.status == 201


def test_tiny_frames_are_read_at_a_bounded_rate(tmp_path: Path) -> None:
    """Many pongs arrive at once; the gateway stops reading for a while, and answers when it has read them."""
    limits = Limits(stranger_frames=100, websocket_first_seconds=60)
    with serving(memory_core(tmp_path), limits) as served, RawSocket(served.port, owner=None) as stranger:
        began = time.monotonic()
        stranger.send(frame_head(PONG, 0) * 300)
        stranger.say(op="start", name="a", size=0)
        assert served.request("GET", "/healthz").status == 200
        assert stranger.hear()["code"] == "unauthorized"
    # A hundred at once, and a hundred in each second.
    assert time.monotonic() - began > 1.5


def test_what_stands_before_the_first_field_of_a_form_is_bounded(memory_gateway: Served) -> None:
    headers = {**bearer("ann"), "Content-Type": "multipart/form-data; boundary=b"}
    body = b"\n" * 100_000 + b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n'
    reply = memory_gateway.request("POST", "/api/files/upload", body, headers)
    assert (reply.status, reply.fields) == (400, ["body"])
    assert memory_gateway.request("POST", "/api/files/upload", body.lstrip(), headers).status == 201


def test_end_users_send_short_calls_and_trusted_systems_longer_ones(memory_gateway: Served) -> None:
    body = json.dumps({"file_id": "x" * 300_000}).encode()
    headers = {"Content-Type": "application/json"}
    reply = memory_gateway.request("POST", "/rpc/files.info", body, {**headers, **bearer("ann")})
    assert (reply.status, reply.error["details"]["limit"]) == (413, 256 * 1024)
    assert memory_gateway.call("files.info", file_id="x" * 300_000).status == 400


def test_the_number_of_parts_is_checked_before_the_parts(memory_gateway: Served) -> None:
    reply = memory_gateway.call("files.upload", owner="ann", name="a", parts=[{"type": 1}] * 20_000)
    assert (reply.status, reply.fields) == (400, ["parts"])


def test_metrics_that_many_ask_for_are_built_together(memory_gateway: Served) -> None:
    built = []
    metrics = memory_gateway.state.metrics

    class Counted:
        """A collector that counts."""

        def collect(self) -> list[object]:
            built.append(1)
            return []

    metrics.watch(Counted())  # type: ignore[arg-type]
    built.clear()

    async def scene() -> None:
        async with aiohttp.ClientSession() as client:

            async def ask() -> int:
                async with client.get(f"http://127.0.0.1:{memory_gateway.port}/metrics") as reply:
                    return reply.status

            assert set(await asyncio.gather(*(ask() for _ in range(50)))) == {200}

    asyncio.run(scene())
    assert 1 <= len(built) < 50


def test_a_body_that_is_refused_is_thrown_away_slowly(memory_gateway: Served) -> None:
    """Reading it as fast as it comes would take the loop from everybody else."""
    headers = {"Content-Type": "application/json", "Content-Length": "1000000000"}
    with memory_gateway.connect() as peer:
        peer.sendall(head_of("POST", "/rpc/files.count", headers))
        assert peer.recv(12) == b"HTTP/1.1 401"
        peer.settimeout(0.1)
        sent, began = 0, time.monotonic()
        while time.monotonic() < began + 1:
            with suppress(TimeoutError):
                sent += peer.send(bytes(1_000_000))
        seconds = time.monotonic() - began
    # A second has 50 reads of 256 KiB; the system buffers some megabytes.
    assert sent < 15_000_000 + seconds * 50 * 256 * 1024
