"""Commands as processes that cost no start: each is forked from one that has loaded what they need."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_PARENT = """
import importlib, json, os, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
from files_service.cli import cli
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        # What a command prints belongs into its log, not among the answers of this process.
        os.dup2(2, 1)
        cli(json.loads(line), prog_name="files")
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("ended", flush=True)
"""


class Forks:
    """Starts one command at a time, which ``kill`` ends."""

    def __init__(self, parent: subprocess.Popen[str]) -> None:
        self._parent = parent
        self._pid = 0

    def start(self, *command: str) -> None:
        """Let ``files`` begin with these arguments."""
        assert self._parent.stdin is not None
        self._parent.stdin.write(f"{json.dumps(command)}\n")
        self._parent.stdin.flush()
        self._pid = int(self._said())

    def kill(self) -> None:
        """Kill the command; return when it is gone."""
        os.kill(self._pid, signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        """Let the command end; return when it is gone."""
        os.kill(self._pid, signal.SIGTERM)
        self._wait()

    def _wait(self) -> None:
        assert self._said() == "ended"
        self._pid = 0

    def _said(self) -> str:
        assert self._parent.stdout is not None
        return self._parent.stdout.readline().rstrip("\n")

    def close(self) -> None:
        """Kill what still runs."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
        self._parent.kill()


@contextmanager
def forked(environ: Mapping[str, str], log: Path, *modules: str) -> Iterator[Forks]:
    """Run a process that has loaded modules, and forks commands."""
    with (
        log.open("ab") as errors,
        subprocess.Popen(
            [sys.executable, "-c", _PARENT, *modules],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as parent,
    ):
        forks = Forks(parent)
        try:
            yield forks
        finally:
            forks.close()
