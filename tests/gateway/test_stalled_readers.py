"""A reader that acknowledges nothing is cut off, by the loop and by a thread, without an error in the log."""

from __future__ import annotations

import logging
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from files_service.gateway.limits import MIB, Limits
from tests.cores import processed_file, sqlite_core
from tests.gateway.owners import bearer
from tests.gateway.serving import WAIT_SECONDS, head_of, serving, wait_until


@pytest.mark.parametrize("thread_bytes", [1 * MIB, 64 * MIB])
def test_a_stalled_reader_is_cut_off_without_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, thread_bytes: int
) -> None:
    limits = Limits(stalled_send_seconds=0.5, socket_thread_bytes=thread_bytes)
    with caplog.at_level(logging.INFO), serving(sqlite_core(tmp_path), limits) as served:
        record = processed_file(served.core, b"x" * 16 * MIB, name="a")
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            reader.settimeout(WAIT_SECONDS)
            reader.connect(("127.0.0.1", served.port))
            reader.sendall(head_of("GET", f"/api/files/{record['file_id']}/download", bearer(record["owner"])))
            # The answer has begun, and may have been given up since.
            assert reader.recv(1) == b"H"
            wait_until(lambda: served.state.downloads.taken == 0)
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []


def test_stalled_readers_of_a_public_file_keep_nobody_else_from_it(tmp_path: Path) -> None:
    limits = Limits(downloads=16, senders=2)
    with serving(sqlite_core(tmp_path), limits) as served, ExitStack() as held:
        record = processed_file(served.core, b"x" * 16 * MIB, name="a", access="public")
        address = f"/api/files/{record['file_id']}/download"
        heads = []
        for _ in range(16):
            reader = held.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            reader.settimeout(WAIT_SECONDS)
            reader.bind(("127.0.0.2", 0))
            reader.connect(("127.0.0.1", served.port))
            reader.sendall(head_of("GET", address, {}))
            heads.append(reader.recv(12))
        assert (heads.count(b"HTTP/1.1 200"), heads.count(b"HTTP/1.1 503")) == (12, 4)
        assert served.request("GET", address, headers={"Range": "bytes=0-9"}).body == b"x" * 10
