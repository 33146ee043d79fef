"""Readers of cards as processes that cost no start: each is forked from one that has loaded the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_PARENT = """
import os, sys
import files_service.cli.ingest, files_service.ingest.run
from files_service.cli import cli
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        card, transport = line.rstrip("\\n").split("\\t")
        cli(["ingest", "--plain", "--transport", transport, card], prog_name="files")
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("ended", flush=True)
"""


class Readers:
    """Starts one reader at a time, which only ``kill`` ends."""

    def __init__(self, parent: subprocess.Popen[str]) -> None:
        self._parent = parent
        self._pid = 0

    def start(self, card: Path, transport: str) -> None:
        """Let a reader begin with a card."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(f"{card}\t{transport}\n")
        self._parent.stdin.flush()
        self._pid = int(self._parent.stdout.readline())

    def kill(self) -> None:
        """Kill the reader; return when it is gone."""
        assert self._parent.stdout is not None
        os.kill(self._pid, signal.SIGKILL)
        assert self._parent.stdout.readline() == "ended\n"


@contextmanager
def forked_readers(environ: Mapping[str, str], log: Path) -> Iterator[Readers]:
    """Run the process that has loaded the command."""
    with (
        log.open("ab") as errors,
        subprocess.Popen(
            [sys.executable, "-c", _PARENT],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as parent,
    ):
        try:
            yield Readers(parent)
        finally:
            parent.kill()
