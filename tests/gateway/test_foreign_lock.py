"""A process that keeps the write lock of the database: readers are served, and writers are told."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from files_service.gateway.limits import Limits
from storage_adapters.metadata.sqlite import connections
from tests.cores import sqlite_core, uploaded_file
from tests.gateway.serving import WAIT_SECONDS, Reply, serving, wait_until

THREADS = 4


def test_readers_go_on_while_another_process_holds_the_write_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than a client of the test waits.
    monkeypatch.setattr(connections, "BUSY_MS", 1_000 * 3 * WAIT_SECONDS)
    core = sqlite_core(tmp_path)
    [database] = tmp_path.rglob("*.db")
    with serving(core, Limits(call_threads=THREADS)) as served:
        file_id = uploaded_file(core)["file_id"]
        replies: list[Reply] = []

        def write() -> None:
            replies.append(served.call("files.update", file_id=file_id, changes={"name": "other"}))

        writers = [threading.Thread(target=write) for _ in range(2 * THREADS)]
        with closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for each in writers:
                each.start()
            wait_until(lambda: len(replies) == 2 * THREADS - 1)
            assert {(reply.status, reply.code) for reply in replies} == {(503, "storage_unavailable")}
            assert served.call("files.info", file_id=file_id).status == 200
            assert served.call("files.list", owner="ann").status == 200
            other.execute("ROLLBACK")
        for each in writers:
            each.join(WAIT_SECONDS)
        assert replies[-1].status == 200
        assert served.result("files.update", file_id=file_id, changes={"name": "last"})["name"] == "last"
