"""A reader that acknowledges nothing is cut off, by the loop and by a thread, without an error in the log."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest

from files_service.gateway.limits import MIB, Limits
from tests.cores import processed_file, sqlite_core
from tests.gateway.owners import bearer
from tests.gateway.serving import head_of, serving, wait_until


@pytest.mark.parametrize("thread_bytes", [1 * MIB, 64 * MIB])
def test_a_stalled_reader_is_cut_off_without_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, thread_bytes: int
) -> None:
    limits = Limits(stalled_send_seconds=0.5, socket_thread_bytes=thread_bytes)
    with caplog.at_level(logging.INFO), serving(sqlite_core(tmp_path), limits) as served:
        record = processed_file(served.core, b"x" * 16 * MIB, name="a")
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            reader.connect(("127.0.0.1", served.port))
            reader.sendall(head_of("GET", f"/api/files/{record['file_id']}/download", bearer(record["owner"])))
            wait_until(lambda: served.state.downloads.taken == 1)
            wait_until(lambda: served.state.downloads.taken == 0)
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []
