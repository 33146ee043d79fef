"""A private emulator of Cloud Storage that others wrote: gcp-storage-emulator, in memory, on a free loopback port."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import requests

from tests.servers.ports import free_ports
from tests.waiting import PATIENCE_SECONDS

START_SECONDS = 300


class GcsEmulator:
    """One server; it serves one request at a time."""

    def __init__(self) -> None:
        [port] = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self._command = [
            *(sys.executable, "-m", "gcp_storage_emulator", "start"),
            *("--host=127.0.0.1", f"--port={port}", "--in-memory", "--quiet"),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise RuntimeError("gcp-storage-emulator did not start: pip install gcp-storage-emulator")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @contextmanager
    def bucket(self) -> Iterator[str]:
        """The name of a bucket of one's own."""
        name = f"files-{uuid.uuid4().hex}"
        made = requests.post(f"{self.url}/storage/v1/b?project=demo", json={"name": name}, timeout=PATIENCE_SECONDS)
        assert made.status_code == 200, made.text
        yield name

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/", timeout=5).status_code == 200
        except requests.RequestException:
            return False
