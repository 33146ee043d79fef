"""Child processes for one part of a benchmark, with one line of JSON per request and answer."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from storage_adapters import JSON


class Driver:
    """A running process; one request at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, **request: Any) -> JSON:
        """Send a request and wait for its answer."""
        self.send(**request)
        return self.receive()

    def send(self, **request: Any) -> None:
        """Send a request; its answer is received later."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def receive(self) -> JSON:
        """Wait for an answer."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a driver has exited")
        answer: JSON = json.loads(line)
        return answer


@contextmanager
def driving(command: Sequence[str], **environ: str) -> Iterator[Driver]:
    """Run a driver; it exits at the end of its input."""
    process = subprocess.Popen(
        command, env=environ or None, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield Driver(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
