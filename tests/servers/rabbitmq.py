"""A private RabbitMQ: in its own folder, on free loopback ports, with its own epmd. Can be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.pausing import pause
from tests.servers.ports import free_ports

# Of a machine that does much else: where a server of all tests does not start, all of them fail.
START_SECONDS = 300
# Above RabbitMQ's default of 128 MiB, so that a message of 130 MiB reaches the queue.
MAX_MESSAGE_BYTES = 256 * 2**20

_SERVER_PLACES = ("/usr/lib/rabbitmq/bin", "/opt/homebrew/sbin", "/usr/local/sbin")


class RabbitMQ:
    """One broker; ``uri`` stays the same when it is started again, and durable things are still there.

    With a ``certificate`` for localhost, whose key lies beside it, ``tls_uri`` is its address by TLS.
    """

    def __init__(self, folder: Path, *, certificate: Path | None = None) -> None:
        self._folder, self._certificate = folder, certificate
        [self._tls_port] = free_ports(1) if certificate is not None else [0]
        self._port, self._dist_port, self._epmd_port = free_ports(3)
        self._server: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self.uri = f"amqp://guest:guest@127.0.0.1:{self._port}/"
        self.tls_uri = f"amqps://guest:guest@localhost:{self._tls_port}/"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_running(self) -> bool:
        """Whether the broker was started and not killed since."""
        return self._server is not None

    @property
    def pid(self) -> int:
        """Process id while the broker runs."""
        assert self._server is not None
        return self._server.pid

    def start(self) -> None:
        """Start the broker and return when it accepts connections; one that runs is left alone."""
        if self._server is not None and self._server.poll() is None:
            return
        executable = _executable()
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "enabled_plugins").write_text("[].\n")
        (self._folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self._port}\n"
            f"max_message_size = {MAX_MESSAGE_BYTES}\n"
            "disk_free_limit.absolute = 50MB\n"
            f"log.file.level = warning\n{self._tls_lines()}"
        )
        if self._epmd is None:
            self._epmd = self._spawn(["epmd", "-address", "127.0.0.1", "-port", str(self._epmd_port)])
        self._server = self._spawn([executable])
        self._wait_until_open()

    def _tls_lines(self) -> str:
        if self._certificate is None:
            return ""
        lines = {
            "listeners.ssl.1": f"127.0.0.1:{self._tls_port}",
            "ssl_options.cacertfile": self._certificate,
            "ssl_options.certfile": self._certificate,
            "ssl_options.keyfile": self._certificate.with_suffix(".key"),
            "ssl_options.verify": "verify_none",
        }
        return "".join(f"{name} = {value}\n" for name, value in lines.items())

    def kill(self) -> None:
        """End the broker as a power cut would: at once."""
        self._end(self._server, signal.SIGKILL)
        self._server = None

    def pause(self) -> None:
        """Let the broker stand still: connections stay open and nobody answers. Returns when every thread stands."""
        assert self._server is not None
        pause(self._server.pid)

    def resume(self) -> None:
        """Let a paused broker go on."""
        assert self._server is not None
        self._server.send_signal(signal.SIGCONT)

    def control(self, *arguments: str) -> str:
        """Run rabbitmqctl on this broker; returns what it says."""
        said = self._folder / "control"
        with said.open("wb") as output:
            done = subprocess.run(
                [str(Path(_executable()).with_name("rabbitmqctl")), *arguments],
                cwd=self._folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=START_SECONDS,
                check=False,
            )
        answer = said.read_text(errors="replace")
        assert done.returncode == 0, answer
        return answer

    def close(self) -> None:
        """End the broker and its epmd; harmless twice."""
        self.kill()
        self._end(self._epmd, signal.SIGKILL)
        self._epmd = None

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        output = (self._folder / "output").open("ab")
        with output:
            return subprocess.Popen(
                command,
                cwd=self._folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def _environment(self) -> dict[str, str]:
        folder = str(self._folder)
        return {
            "PATH": os.environ["PATH"],
            "HOME": folder,  # keeps the Erlang cookie
            "LANG": "C.UTF-8",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": f"files-{self._port}@localhost",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false +S 2",
            # The start script then becomes the server instead of watching over it, so that our signals reach it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _wait_until_open(self) -> None:
        assert self._server is not None
        deadline = time.monotonic() + START_SECONDS
        while not _speaks_amqp(self._port):
            if self._server.poll() is not None or time.monotonic() > deadline:
                output = (self._folder / "output").read_text(errors="replace")[-4_000:]
                self.close()
                raise RuntimeError(f"rabbitmq-server did not start:\n{output}")
            time.sleep(0.05)

    def _end(self, process: subprocess.Popen[bytes] | None, number: int) -> None:
        if process is not None:
            if process.poll() is None:
                process.send_signal(number)
            process.wait()


def _executable() -> str:
    # The Debian wrapper in PATH changes the user and ignores our folders; the script behind it does not.
    for place in _SERVER_PLACES:
        if (path := Path(place) / "rabbitmq-server").exists():
            return str(path)
    found = shutil.which("rabbitmq-server")
    if found is None:
        raise RuntimeError("rabbitmq-server is needed: apt-get install rabbitmq-server, or set AMQP_URI to a broker")
    return found


def _speaks_amqp(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(connection.recv(1))
    except OSError:
        return False
