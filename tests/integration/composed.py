"""The services of a compose file as processes, without containers: their commands, variables and health checks.

Servers of others are those of the tests; names and ports of containers become free ports of the loopback interface.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.servers.caddy import executable
from tests.servers.commands import run_command
from tests.servers.ports import free_ports
from tests.waiting import PATIENCE_SECONDS, wait_until

ROOT = Path(__file__).parents[2]
OURS = "files-service"
_OWN_PORTS = ("8080", "8090", "9101")
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}")
_ADDRESS = re.compile(r"(?<![\w.-])([a-z][a-z0-9-]*|0\.0\.0\.0|127\.0\.0\.1)?:(\d{4,5})(?!\d)")


class Composed:
    """One file, with its variables filled in."""

    def __init__(self, name: str, folder: Path, variables: Mapping[str, str], servers: Mapping[str, str]) -> None:
        """``servers`` are texts of the file and those that take their place."""
        self.folder, self._variables, self._servers = folder, variables, servers
        self.services: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker" / name).read_text())["services"]
        self._ports: dict[tuple[str, str], int] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def port(self, service: str, number: str) -> int:
        """Return the free port that stands for a port of a container."""
        if (service, number) not in self._ports:
            [self._ports[service, number]] = free_ports(1)
        return self._ports[service, number]

    def environ(self, service: str) -> dict[str, str]:
        """Return the variables of a service."""
        given = {name: self._text(service, str(value)) for name, value in self.services[service]["environment"].items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FILES_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**kept, "PATH": path, "FILES_DATA_DIR": str(self._home(service)), **given}

    @property
    def ours(self) -> list[str]:
        """The services of the project's image."""
        return [name for name, service in self.services.items() if service["image"] == OURS]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run our services, first those that end by themselves, and the load balancer."""
        ours = self.ours
        once = [name for name in ours if self.services[name].get("restart") == "no"]
        with ExitStack() as stack:
            for name in [*once, *(each for each in ours if each not in once)]:
                self._start(name, stack)
            for name in once:
                assert self._running[name].wait(PATIENCE_SECONDS) == 0, self.log(name)
            for name in ours:
                if name not in once:
                    wait_until(lambda name=name: self._is_healthy(name), seconds=PATIENCE_SECONDS)  # type: ignore[misc]
            self._balance(stack)
            yield

    def log(self, name: str) -> str:
        """Return what a service has written."""
        return (self.folder / f"{name}.log").read_text()

    def _start(self, name: str, stack: ExitStack) -> None:
        service = self.services[name]
        words = [*service.get("entrypoint", []), *service["command"]]
        self._spawn(name, [self._text(name, word) for word in words], self.environ(name), stack)

    def _balance(self, stack: ExitStack) -> None:
        command = [executable(), "run", "--config", str(ROOT / "docker" / "Caddyfile"), "--adapter", "caddyfile"]
        home = {"HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        self._spawn("caddy", command, {**self.environ("caddy"), **home}, stack)

    def _spawn(self, name: str, command: list[str], environ: dict[str, str], stack: ExitStack) -> None:
        home = self._home(name)
        home.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name}.log").open("wb") as output:
            process = subprocess.Popen(command, env=environ, cwd=home, stdout=output, stderr=output)
        self._running[name] = process
        stack.callback(process.wait)
        stack.callback(process.kill)

    def _is_healthy(self, name: str) -> bool:
        """Run the health check of a service; that of the image asks a gateway."""
        assert self._running[name].poll() is None, self.log(name)
        check = self.services[name].get("healthcheck", {}).get("test")
        if check is None:
            url = f"http://127.0.0.1:{self.port(name, '8080')}/readyz"
            check = ["CMD", "python", "-c", f"import urllib.request; urllib.request.urlopen({url!r}, timeout=4)"]
        words = [self._text(name, word) for word in check[1:]]
        done = run_command(words, environ=self.environ(name), seconds=PATIENCE_SECONDS)
        return done.returncode == 0

    def _home(self, service: str) -> Path:
        return self.folder / service

    def _text(self, service: str, text: str) -> str:
        text = _VARIABLE.sub(self._value, text).replace("/var/lib/files", str(self._home(service)))
        for known, ours in self._servers.items():
            text = text.replace(known, ours)
        return _ADDRESS.sub(lambda found: self._address(service, found), text)

    def _value(self, found: re.Match[str]) -> str:
        name, sign, default = found.groups()
        if name is None:
            return "$"
        value = self._variables.get(name, default if sign == "-" else None)
        assert value is not None, f"{name} is not set"
        return value

    def _address(self, service: str, found: re.Match[str]) -> str:
        host, port = found.groups()
        if host in (None, "0.0.0.0", "127.0.0.1"):
            # An address of a server of the tests stays.
            own = host != "127.0.0.1" or port in _OWN_PORTS
            return f"127.0.0.1:{self.port(service, port) if own else port}"
        return f"127.0.0.1:{self.port(host, port)}" if host in self.services else found.group()
