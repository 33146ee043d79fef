"""``python -m syncer`` as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.servers.commands import run_command
from tests.servers.zygote import Started

# Of a machine that does much else; nothing waits for longer than it must.
START_SECONDS = 300
STOP_SECONDS = 300


def run_syncer(*arguments: str, seconds: float = 300, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "syncer", *arguments]
    return run_command(command, seconds=seconds, environ={**os.environ, **environ})


def lines_of(text: str) -> list[dict[str, Any]]:
    """The lines that are JSON."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


class SyncerProcess:
    """``python -m syncer run`` between two stores; can be killed and started again."""

    def __init__(self, folder: Path, source_url: str, target_url: str, *arguments: str) -> None:
        self._command = [sys.executable, "-m", "syncer", "run", "--source", source_url, "--target", target_url]
        self._command += arguments
        self._log = folder / "syncer.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start without waiting."""
        with self._log.open("ab") as log:
            self._process = Started(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def log(self) -> str:
        """Everything that all starts have written."""
        return self._log.read_text()

    def wait_for_log(self, text: str, seconds: float = START_SECONDS) -> None:
        """Wait until the log has this text."""
        deadline = time.monotonic() + seconds
        while text not in self.log():
            assert self.is_running, self.log()[-4_000:]
            assert time.monotonic() < deadline, self.log()[-4_000:]
            time.sleep(0.02)

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> int:
        """Ask it to stop and wait for the end; returns the exit status."""
        assert self._process is not None
        self.signal(signal.SIGTERM)
        return self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it at once; harmless when it has ended."""
        if self.is_running:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
