"""A process of the service under test, with its log in a file. Can be stopped, killed, paused and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from files_service.config import read_config
from tests.cores import SECRETS
from tests.servers.zygote import Started

# Of a machine that does much else; nothing waits for longer than it must.
START_SECONDS = 300
STOP_SECONDS = 300


class ServiceProcess:
    """``files rpc``, or another command of the service that logs when it is ready."""

    def __init__(
        self,
        folder: Path,
        uri: str,
        *,
        command: tuple[str, ...] = ("-m", "files_service.cli", "--config", "{config}", "rpc"),
        ready: tuple[str, int] = ('"event": "ready"', 1),
        environ: dict[str, str] | None = None,
        **overrides: Any,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        environment = {"FILES_DATA_DIR": str(folder / "data"), "AMQP_URI": uri, **SECRETS, **(environ or {})}
        config = read_config(environ=environment)
        config["FILES"] |= overrides.pop("FILES", {})
        config |= overrides
        path = folder / "config.yaml"
        path.write_text(yaml.safe_dump(config))
        self.config = config
        self.data_dir = folder / "data"
        self._command = [sys.executable, *(each.format(config=path) for each in command)]
        self._environ = {**os.environ, **environment}
        self._ready = ready
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The id of the process."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        """Start without waiting until it is ready."""
        if self._log.exists():
            # What another run has written is still looked at, for secrets.
            self._log.rename(self._log.with_name(f"log.{time.monotonic_ns()}"))
        with self._log.open("ab") as log:
            self._process = Started(self._command, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self) -> None:
        """Start and return when it is ready."""
        self.launch()
        text, times = self._ready
        self.wait_for_log(text, START_SECONDS, times=times)

    def wait_for_log(self, text: str, seconds: float = START_SECONDS, *, times: int = 1) -> None:
        """Wait until the log has this text."""
        deadline = time.monotonic() + seconds
        while self.log().count(text) < times:
            if not self.is_running or time.monotonic() > deadline:
                raise AssertionError(f"no {text!r} in the log:\n{self.log()[-6_000:]}")
            time.sleep(0.02)

    def log(self) -> str:
        """Everything that the process has written."""
        return self._log.read_text(errors="replace")

    def events(self) -> list[dict[str, Any]]:
        """The lines of the log that are JSON."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for the end; returns the exit status."""
        assert self._process is not None
        return self._process.wait(seconds)

    def stop(self) -> int:
        """Ask the process to stop, wait for its end; returns the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End the process at once; harmless when it has ended."""
        if self.is_running:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
            self.wait()
