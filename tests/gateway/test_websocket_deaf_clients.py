"""Clients of the WebSocket door that send, and do not read what they are sent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from files_service.core import Core
from files_service.gateway.doors.websocket.session import Session
from files_service.gateway.doors.websocket.state import SHARED
from files_service.gateway.limits import Limits
from files_service.gateway.state import Gateway
from files_service.runtime.metrics import Metrics
from files_service.services.uploads.session import Beginning, begin
from files_service.services.uploads.writer import IN_FLIGHT
from storage_adapters import JSON
from tests.cores import memory_core, sqlite_core
from tests.gateway.raw_websocket import RawSocket
from tests.gateway.serving import WAIT_SECONDS, Served, serving, wait_until

SEND_SECONDS = 3_000
LIMITS = Limits(
    # By the clock of the gateway's loop, which the test puts forward. The kernel has the limit, too, by its own.
    stalled_send_seconds=SEND_SECONDS,
    websocket_ping_seconds=100 * SEND_SECONDS,
    websocket_idle_seconds=100 * SEND_SECONDS,
    websocket_frames=100_000,
)


def test_a_client_that_does_not_read_holds_nothing_that_others_need(tmp_path: Path) -> None:
    core = memory_core(tmp_path)

    async def scene() -> None:
        gateway, frames = Gateway(core, Limits(), Metrics()), asyncio.Semaphore(IN_FLIGHT)
        reads, freed, heard = asyncio.Event(), asyncio.Queue[int](), asyncio.Queue[JSON]()

        async def unread(_: JSON) -> None:
            await reads.wait()

        def session(send: Callable[[JSON], Awaitable[None]]) -> Session:
            return Session(gateway, begun(core), send, frames)

        try:
            async with session(unread) as deaf, session(heard.put) as other:
                for offset in range(IN_FLIGHT):
                    await deaf.take(offset, memoryview(b"x"), partial(freed.put_nowait, offset))
                async with asyncio.timeout(WAIT_SECONDS):
                    try:
                        await other.take(0, memoryview(b"y"), lambda: None)
                        assert (await heard.get())["op"] == "ack"
                        assert {await freed.get() for _ in range(IN_FLIGHT)} == set(range(IN_FLIGHT))
                    finally:
                        reads.set()
                assert not deaf.failure.done()
        finally:
            gateway.close()

    asyncio.run(scene())
    core.close()


def begun(core: Core) -> Any:
    return begin(core, Beginning(owner="ann", size=IN_FLIGHT))


def test_a_connection_whose_client_does_not_read_ends(tmp_path: Path) -> None:
    with serving(sqlite_core(tmp_path), LIMITS) as served, RawSocket(served.port) as client:
        client.ask(op="start", name="a", size=1)
        client._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        transport = narrowed(served)
        # An answer of some hundred bytes each; more than the gateway keeps before it waits.
        for _ in range(2_000):
            client.say(op="manifest")
        wait_until(lambda: transport.get_write_buffer_size() > 64 * 1024)

        def has_ended() -> bool:
            served.pass_seconds(SEND_SECONDS + 1)
            return served.state.uploads.taken == served.state_of(SHARED).connections.taken == 0

        wait_until(has_ended)


def narrowed(served: Served) -> Any:
    """The server's side of the only connection, which keeps little of what is not read."""
    [leave] = served.state.staying
    conversation: Any = getattr(leave, "__self__", None)
    transport = conversation._request.transport
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    return transport
