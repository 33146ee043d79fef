"""The emulator of Cloud Storage that can be installed, and a network to it that breaks when it is told to."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from tests.servers.ports import free_ports

START_SECONDS = 60
PIECE = 64 * 1024


class GcsEmulator:
    """One emulator with one bucket, in memory. It verifies no signature and tells nobody of its objects."""

    def __init__(self, folder: Path, bucket: str = "files") -> None:
        [self.port] = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder, self._bucket = folder, bucket
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--host=127.0.0.1", f"--port={self.port}"]
        command += ["--in-memory", f"--default-bucket={self._bucket}", "-q"]
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "output").read_text()
            assert time.monotonic() < deadline, "the emulator does not start"
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def objects(self) -> list[dict[str, Any]]:
        """The descriptions of all objects."""
        answer = requests.get(f"{self.url}/storage/v1/b/{self._bucket}/o", timeout=60)
        answer.raise_for_status()
        return list(answer.json().get("items", []))

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/storage/v1/b/{self._bucket}", timeout=5).ok
        except requests.RequestException:
            return False


class Network:
    """Forwards connections to a port. ``cuts`` are numbers of bytes sent, in all, after which a connection breaks."""

    def __init__(self, port: int) -> None:
        self.cuts: deque[int] = deque()
        self.lose_answer = threading.Event()
        self.sent = 0
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.settimeout(0.1)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True, name="network")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join(30)
        self._listener.close()
        _cut(*self._open)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            try:
                server = socket.create_connection(self._target, timeout=60)
            except OSError:
                client.close()
                continue
            client.settimeout(None)
            server.settimeout(None)
            self._open |= {client, server}
            for source, sink, forward in ((client, server, self._request), (server, client, self._answer)):
                threading.Thread(target=self._carry, args=(source, sink, forward), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, may_pass: Any) -> None:
        try:
            while piece := source.recv(PIECE):
                if not may_pass(piece):
                    break
                sink.sendall(piece)
        except OSError:
            pass
        _cut(source, sink)
        self._open -= {source, sink}

    def _request(self, piece: bytes) -> bool:
        with self._lock:
            self.sent += len(piece)
            if self.cuts and self.sent > self.cuts[0]:
                self.cuts.popleft()
                return False
        return True

    def _answer(self, piece: bytes) -> bool:
        if self.lose_answer.is_set() and piece.partition(b"\r\n")[0].split()[1:2] == [b"200"]:
            self.lose_answer.clear()
            return False
        return True


def _cut(*connections: socket.socket) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()
