"""A gateway that serves in a thread, and a client that says everything about an answer."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from aiohttp import web

from files_service.core import Core
from files_service.gateway.limits import Limits
from files_service.gateway.routes import Door
from files_service.gateway.server import GatewayServer
from files_service.gateway.state import GATEWAY, Gateway
from files_service.messaging.readiness import Part
from tests import waiting
from tests.cores import SECRETS

T = TypeVar("T")
RPC_TOKEN = SECRETS["FILES_RPC_TOKEN"]
# Of a machine that does much else; nothing waits for longer than it must.
STOP_SECONDS = 10
WAIT_SECONDS = 120
# Of the loop, in which all that has arrived, or is due, comes to those who wait for it.
_TURNS = 5
wait_until = partial(waiting.wait_until, seconds=WAIT_SECONDS)


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        assert self.headers["Content-Type"] == "application/json"
        assert self.json["request_id"] == self.headers["X-Request-Id"]
        return self.json["error"]

    @property
    def code(self) -> str:
        """The error's code, "" for a success."""
        return self.error["code"] if self.status >= 400 else ""

    @property
    def fields(self) -> list[str]:
        """The names of the fields at fault."""
        return list(self.error["details"].get("fields", {}))


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be put forward."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


@dataclass
class Served:
    """A running gateway."""

    core: Core
    port: int
    server: GatewayServer
    loop: Loop
    stopped: threading.Event = field(default_factory=threading.Event)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Make one request on a connection of its own. ``path`` may be a whole URL."""
        parts = urlsplit(path)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)) as connection:
            connection.request(method, target, body, dict(headers or {}))
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())

    def call(self, method: str, token: str = RPC_TOKEN, **params: Any) -> Reply:
        """Call a method."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return self.request("POST", f"/rpc/{method}", json.dumps(params).encode(), headers)

    def result(self, method: str, **params: Any) -> Any:
        """Call a method that succeeds."""
        reply = self.call(method, **params)
        assert reply.status == 200, reply.body
        return reply.json["result"]

    def connect(self) -> socket.socket:
        """Open a plain connection, for what no client would send."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS)

    def talk(self, data: bytes) -> bytes:
        """Send these bytes and return all that comes until the server closes."""
        with self.connect() as connection:
            connection.sendall(data)
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    @property
    def state(self) -> Gateway:
        """What the handlers share."""
        return self.server._app[GATEWAY]

    def state_of(self, key: web.AppKey[T]) -> T:
        """What the handlers of one door share."""
        [found] = [app[key] for app in (self.server._app, *self.server._app._subapps) if key in app]
        return found

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass for what the event loop waits for; what has arrived before counts as come in time."""

        async def put_forward() -> None:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            self.loop.ahead += seconds
            for _ in range(_TURNS):
                await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(put_forward(), self.loop).result(WAIT_SECONDS)

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> None:
        """Stop it as a signal would; returns when it has stopped."""
        if not self.stopped.is_set():
            asyncio.run_coroutine_threadsafe(self.server.stop(timeout_seconds), self.loop).result(
                timeout_seconds + WAIT_SECONDS
            )
            self.stopped.set()


def head_of(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """The head of a request, for what is sent piece by piece."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


@contextmanager
def serving(
    core: Core,
    limits: Limits | None = None,
    port: int = 0,
    parts: Sequence[Part] = (),
    doors: Sequence[Door] | None = None,
) -> Iterator[Served]:
    """Serve the core for as long as the block runs, and close it."""
    loop = Loop()
    thread = threading.Thread(target=loop.run_forever, name="gateway")
    thread.start()
    try:
        server = GatewayServer(core, limits=limits, parts=parts, doors=doors)
        port = asyncio.run_coroutine_threadsafe(server.start("127.0.0.1", port), loop).result(WAIT_SECONDS)
        served = Served(core, port, server, loop)
        try:
            yield served
        finally:
            served.stop()
    finally:
        asyncio.run_coroutine_threadsafe(_end_tasks(), loop).result(WAIT_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_SECONDS)
        loop.close()
        core.close()


async def _end_tasks() -> None:
    """What ``asyncio.run`` does at its end."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
