"""However many connections send long messages, what a gateway holds of them is bounded; the others wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from files_service.gateway.doors.websocket.state import SHARED
from files_service.gateway.limits import Limits
from tests.cores import sqlite_core
from tests.faults.gateways import PACKAGED, GatewayProcess
from tests.gateway.raw_websocket import RawSocket, frame_head
from tests.gateway.serving import WAIT_SECONDS, Served, serving, wait_until
from tests.gateway.slices import Talk, talk

MIB = 2**20
CHUNK = 256 * 1024
SLICES = 2
LIMITS = Limits(
    websocket_bytes=SLICES * (CHUNK + 8),
    # By the clock of the gateway's loop, which tests put forward.
    websocket_idle_seconds=60,
    upload_least_bytes=1_000,
    websocket_ping_seconds=40,
    websocket_message_seconds=3_000,
    websocket_close_seconds=0.2,
)


def test_sixty_senders_of_long_slices_stay_within_the_memory_of_a_gateway(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, PACKAGED)
    size = 4 * MIB
    contents = [b"a" * size, b"b" * size]
    begun = threading.Barrier(60, timeout=WAIT_SECONDS)

    def send(number: int) -> str:
        # A peer has a share of the places.
        with RawSocket(gateway.port, f"owner {number}", address=f"127.0.0.{2 + number % 10}") as client:
            manifest = client.ask(op="start", name="a", size=len(contents) * size)
            assert manifest["chunk_size"] == size
            begun.wait()
            for place, content in enumerate(contents):
                client.put(place * size, content)
            for _ in contents:
                assert client.hear()["op"] == "ack"
            return str(client.ask(op="finish")["op"])

    try:
        gateway.start()
        with ThreadPoolExecutor(60) as pool:
            assert list(pool.map(send, range(60))) == ["done"] * 60
        peak = gateway.peak_memory_bytes
    finally:
        gateway.close()
    assert peak < 128_000_000


def somebody(served: Served, number: int) -> RawSocket:
    """A client who is another owner and another peer than each of the others."""
    return RawSocket(served.port, f"owner {number}", address=f"127.0.0.{number + 2}")


@contextmanager
def slow_disk(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Let no chunk be written until the function is called."""
    real, free = served.core.blobs.write_whole, threading.Event()  # type: ignore[attr-defined]

    def write_whole(*args: Any, **kwargs: Any) -> None:
        assert free.wait(WAIT_SECONDS)
        real(*args, **kwargs)

    monkeypatch.setattr(served.core.blobs, "write_whole", write_whole)
    try:
        yield free.set
    finally:
        free.set()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(sqlite_core(tmp_path, chunk_bytes=CHUNK), LIMITS) as served:
        yield served
        shared = served.state_of(SHARED)
        wait_until(lambda: served.state.uploads.taken == shared.slices.taken == shared.stranger_bytes.taken == 0)


def all_received(served: Served) -> bool:
    """Whether the slices that are taken have come whole."""
    held: list[Any] = list(served.state_of(SHARED).slices._held)
    return all(share in share.holder._received for share in held)


def all_answered(served: Served) -> bool:
    """Whether those whose slices are taken have answered the pings: of the others nothing is read."""
    holders = {share.holder for share in served.state_of(SHARED).slices._held}
    conversations: list[Any] = [getattr(leave, "__self__", None) for leave in served.state.staying]
    return all(each._connection._pong_response_cb is None for each in conversations if each._flow in holders)


def test_who_waits_for_memory_is_neither_too_slow_nor_gone(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for longer than a sender may be silent, and than one that answers no ping is thought to be there."""
    content = b"x" * CHUNK

    def send(number: int) -> str:
        with somebody(served, number) as client:
            client.ask(op="start", name="a", size=CHUNK)
            client.put(0, content)
            assert client.hear()["op"] == "ack"
            return str(client.ask(op="finish")["op"])

    with slow_disk(served, monkeypatch) as go_on, ThreadPoolExecutor(12) as pool:
        sending = [pool.submit(send, number) for number in range(12)]
        wait_until(lambda: len(served.state_of(SHARED).slices._waiting) == 12 - SLICES)
        wait_until(partial(all_received, served))
        for _ in range(36):
            served.pass_seconds(LIMITS.websocket_idle_seconds / 12)
            # Time is put forward faster than senders can answer.
            wait_until(partial(all_answered, served))
            assert served.state_of(SHARED).slices.taken == served.state_of(SHARED).slices.most
            assert not any(each.done() for each in sending)
        go_on()
        assert [each.result() for each in sending] == ["done"] * 12


def test_who_goes_while_waiting_is_not_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    budget = served.state_of(SHARED).slices
    with slow_disk(served, monkeypatch) as go_on, ExitStack() as clients:
        sockets = [clients.enter_context(somebody(served, number)) for number in range(SLICES + 3)]
        for client in sockets:
            client.ask(op="start", name="a", size=CHUNK)
        for client in sockets:
            client.put(0, b"x" * CHUNK)
        wait_until(lambda: (len(budget._held), len(budget._waiting)) == (SLICES, 3))
        clients.close()
        go_on()
        wait_until(lambda: not budget._waiting and not budget._held)


def test_who_holds_memory_for_long_while_others_wait_is_let_go(tmp_path: Path) -> None:
    limits = Limits(websocket_bytes=SLICES * (CHUNK + 8), websocket_message_seconds=0.5)
    with serving(sqlite_core(tmp_path, chunk_bytes=CHUNK), limits) as served, ExitStack() as stack:
        slow = [stack.enter_context(somebody(served, number)) for number in range(SLICES)]
        for client in slow:
            client.ask(op="start", name="a", size=CHUNK)
            client.begin_to_put(0, CHUNK, b"x" * 1_000)
        wait_until(lambda: served.state_of(SHARED).slices.taken == served.state_of(SHARED).slices.most)
        time.sleep(1)
        assert not served.state_of(SHARED).slices._waiting
        with RawSocket(served.port) as quick:
            # Not even a short message gets past those that came before it.
            quick.say(op="start", name="a", size=CHUNK)
            assert [client.hear()["code"] for client in slow] == ["busy"] * SLICES
            for client in slow:
                client.__exit__(None, None, None)
            assert quick.hear()["op"] == "manifest"
            quick.put(0, b"x" * CHUNK)
            assert quick.hear()["op"] == "ack"


def test_an_owner_or_peer_with_many_connections_leaves_memory_to_others(tmp_path: Path) -> None:
    limits = Limits(websocket_bytes=4 * (CHUNK + 8))
    with serving(sqlite_core(tmp_path, chunk_bytes=CHUNK), limits) as served, ExitStack() as stack:
        budget = served.state_of(SHARED).slices
        many = [("ann", "127.0.0.2")] * 2 + [("ann", "127.0.0.3")] * 2 + [("eve", "127.0.0.3")]
        stalled = [stack.enter_context(RawSocket(served.port, owner, address=address)) for owner, address in many]
        for client in stalled:
            assert client.ask(op="start", name="a", size=CHUNK)["op"] == "manifest"
        for client in stalled:
            client.begin_to_put(0, CHUNK, b"x" * 1_000)
        wait_until(lambda: len(budget._held) + len(budget._waiting) == len(many))
        assert len(budget._held) == 3, "the last slice is for somebody else"
        with RawSocket(served.port, "bob", address="127.0.0.4") as other:
            assert other.ask(op="start", name="a", size=CHUNK)["op"] == "manifest"
            other.put(0, b"x" * CHUNK)
            assert other.hear()["op"] == "ack"
            assert other.ask(op="finish")["op"] == "done"


def test_a_slice_in_several_frames_is_taken_like_any_other(served: Served) -> None:
    half = CHUNK // 2
    with RawSocket(served.port) as client:
        client.ask(op="start", name="a", size=CHUNK)
        client.send(frame_head(0x02, 8 + half), bytes(8), b"x" * half)
        wait_until(lambda: served.state_of(SHARED).slices.taken == CHUNK + 8)
        # A frame of control stands between.
        client.send(frame_head(0x89, 4), b"ping", frame_head(0x80, half), b"x" * half)
        assert client.hear()["size"] == CHUNK
        assert client.ask(op="finish")["op"] == "done"


def test_a_stranger_may_say_no_more_than_a_token_needs(served: Served) -> None:
    most = LIMITS.stranger_bytes
    with RawSocket(served.port, None) as client:
        client.send(frame_head(0x82, most + 1), b"x" * 1_000)
        refused = client.hear()
        assert (refused["code"], refused["details"]["limit"]) == ("too_large", most)
    with RawSocket(served.port, None) as client:
        client.send(frame_head(0x01, most - 10), b"x" * (most - 10), frame_head(0x80, 11), b"x")
        assert client.hear()["code"] == "too_large"
    wait_until(lambda: served.state_of(SHARED).strangers.taken == 0)


def test_a_stranger_who_shows_a_token_sends_as_everybody_does(served: Served) -> None:
    from tests.gateway.owners import bearer

    async def scene(client: Talk) -> Any:
        token = bearer("bob")["Authorization"].partition(" ")[2]
        await client.ask(op="start", name="a", size=CHUNK, token=token)
        await client.put(0, b"x" * CHUNK)
        assert (await client.hear())["size"] == CHUNK
        return await client.ask(op="finish")

    assert talk(served.port, scene, owner=None)["op"] == "done"
