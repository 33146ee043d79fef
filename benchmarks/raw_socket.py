"""Peers of the byte benchmarks: a socket-to-file loop with SHA-256, and sendfile(2), without HTTP.

``python -m benchmarks.raw_socket receive|send PORT FOLDER`` serves one connection after another. ``receive`` reads to
the end of the stream, hashes and writes 1 MiB at a time in one thread, syncs, and answers one byte; each time into a
new file, as a blob store does. ``send`` sends the file whose path, below the folder, is the first line that it
receives.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path


def receive(connection: socket.socket, folder: Path) -> None:
    """Hash and write the input, sync, answer."""
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=folder, delete=False, buffering=0) as file:
        while count := connection.recv_into(buffer):
            digest.update(view[:count])
            file.write(view[:count])
        os.fsync(file.fileno())
    connection.sendall(b".")


def send(connection: socket.socket, folder: Path) -> None:
    """Send a file."""
    name = connection.makefile("r", encoding="utf-8").readline().strip()
    if not name:
        return
    with (folder / name).open("rb") as file:
        connection.sendfile(file)


def main() -> None:
    """Serve until killed."""
    mode, port, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    handle = {"receive": receive, "send": send}[mode]
    with socket.create_server(("127.0.0.1", port)) as server:
        while True:
            connection, _ = server.accept()
            # A client may disconnect at any time, and a port check does.
            with connection, suppress(ConnectionError):
                handle(connection, folder)


if __name__ == "__main__":
    main()
