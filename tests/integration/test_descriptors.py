"""A gateway without descriptors: it goes on to serve, and says so in one line."""

from __future__ import annotations

import http.client
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.servers.ports import free_ports
from tests.waiting import wait_until

LIMIT = 240
IDLE = 300
WAIT_SECONDS = 300
eventually = partial(wait_until, seconds=WAIT_SECONDS)


@dataclass(frozen=True)
class Gateway:
    """A process ``files gateway`` with few descriptors."""

    pid: int
    port: int
    log: Path

    def answers(self) -> bool:
        """Return whether a new connection gets an answer."""
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
                connection.request("GET", "/healthz")
                return connection.getresponse().status == 200
        except ConnectionError:
            return False

    def connect(self, number: int) -> socket.socket:
        """Open a connection from an address of its own, so that no peer has too many."""
        return socket.create_connection(("127.0.0.1", self.port), 60, (f"127.0.1.{number % 250 + 1}", 0))

    @property
    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def lines(self, text: str) -> int:
        return self.log.read_text().count(text)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    [port] = free_ports(1)
    environ = {**os.environ, "FILES_DATA_DIR": str(tmp_path / "data"), "FILES_HTTP": f"127.0.0.1:{port}"}
    log = tmp_path / "log"
    with log.open("w") as written:
        command = [sys.executable, "-m", "files_service.cli", "gateway"]
        process = subprocess.Popen(
            ["prlimit", f"--nofile={LIMIT}:{LIMIT}", *command], env=environ, stdout=written, stderr=written
        )
    try:
        found = Gateway(process.pid, port, log)
        eventually(lambda: process.poll() is not None or found.answers())
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0


def test_idle_connections_without_end_leave_room_for_others(gateway: Gateway) -> None:
    with ExitStack() as stack:
        for number in range(IDLE):
            stack.enter_context(gateway.connect(number))
        assert gateway.answers()
        assert gateway.descriptors < LIMIT
    assert gateway.lines("all its connections") == 1
    assert gateway.lines("Traceback") == 0


def test_a_gateway_whose_descriptors_are_used_up_goes_on_and_says_so_once(gateway: Gateway) -> None:
    with ExitStack() as stack:
        for number in range(20):
            stack.enter_context(gateway.connect(number))
        eventually(lambda: gateway.descriptors >= 20)
        # The gateway counts on more: it is the system that has no more.
        most = gateway.descriptors
        resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (most, most))
        for number in range(20):
            stack.enter_context(gateway.connect(number))
            eventually(gateway.answers)
    assert gateway.lines("no connection can be accepted") == 1
    assert gateway.lines("Traceback") == 0
    assert len(gateway.log.read_text()) < 50_000
