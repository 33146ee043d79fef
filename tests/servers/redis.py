"""A private Redis: in its own folder, on a free loopback port. Can be killed, paused and started again."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers.ports import free_ports
from tests.servers.private import PrivateServer

START_SECONDS = 300


class RedisServer(PrivateServer):
    """One server; ``url`` stays the same when it is started again. ``config`` is what its configuration file says."""

    def __init__(self, folder: Path, **config: str) -> None:
        self._folder = folder
        (self.port,) = free_ports(1)
        self._config = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(folder),
            "save": '""',
            "appendonly": "yes",
            "appendfsync": "always",
            "logfile": f"{folder}/log",
            **{name.replace("_", "-"): value for name, value in config.items()},
        }
        self.url = f"redis://127.0.0.1:{self.port}"

    def start(self, *arguments: str) -> None:
        """Start the server and return when it answers."""
        executable = shutil.which("redis-server")
        if executable is None:
            raise RuntimeError("redis-server is needed: apt-get install redis-server, or set REDIS_URL to a server")
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "redis.conf"
        config.write_text("".join(f"{name} {value}\n" for name, value in self._config.items()))
        self._forget_half_a_write()
        output = (self._folder / "output").open("ab")
        with output:
            self._process = subprocess.Popen(
                [executable, str(config), *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = (self._folder / "log").read_text(errors="replace")[-4_000:]
                self.kill()
                raise RuntimeError(f"redis-server did not start:\n{log}")
            time.sleep(0.01)

    def _forget_half_a_write(self) -> None:
        """Cut the file of writes off before a transaction of which a kill left a part, as docs/stores.md says.

        Redis cuts it off within the transaction, and does a part of that at the start after the next one.
        """
        for manifest in self._folder.glob("appendonlydir/*.manifest"):
            command = ["redis-check-aof", "--fix", str(manifest)]
            subprocess.run(command, input=b"y\n", stdout=subprocess.DEVNULL, check=True, timeout=START_SECONDS)


class Sentinel(RedisServer):
    """A sentinel that watches one primary, which it knows as ``primary``.

    It calls a primary down after a minute without an answer, unless told otherwise: a busy machine does not reach that.
    """

    def __init__(self, folder: Path, primary: RedisServer, **config: str) -> None:
        super().__init__(folder)
        given = {name.replace("_", "-"): value for name, value in config.items()}
        for name in ("save", "appendonly", "appendfsync"):
            del self._config[name]
        # What is given stands before what is said of the primary, as some of it must, and counts.
        self._config |= {
            **given,
            "sentinel monitor primary": f"127.0.0.1 {primary.port} 1",
            "sentinel down-after-milliseconds primary": "60000",
            "sentinel failover-timeout primary": "5000",
        } | given
        self.url = f"redis+sentinel://127.0.0.1:{self.port}/primary"

    def start(self, *arguments: str) -> None:
        super().start("--sentinel", *arguments)


@contextmanager
def raw(url: str) -> Iterator[Any]:
    """A client that sees the server as any other program does."""
    client = Redis.from_url(url.partition("?")[0], retry=Retry(NoBackoff(), 0), socket_timeout=30)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def throw_away(url: str) -> Iterator[str]:
    """The URL with a prefix that nobody else uses; its keys are removed in the end."""
    prefix = f"files-test-{uuid.uuid4().hex}"
    query = urlsplit(url).query
    yield f"{url}{'&' if query else '?'}prefix={prefix}"
    with raw(url) as client:
        for key in client.scan_iter(match=f"{{{prefix}}}*", count=1_000):
            client.unlink(key)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(5) in (b"+PONG", b"-NOAU")
    except OSError:
        return False
