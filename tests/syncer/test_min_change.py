"""A list with ``min_change`` has its write, while the syncer that fills the list store is killed and paused."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from files_service.core import Core, open_core
from storage_adapters import sync_name
from tests.cores import at_once, call, settings_for
from tests.servers.redis import RedisServer
from tests.syncer.processes import SyncerProcess

LONG = os.environ.get("FILES_LONG_TESTS") == "1"
CHECKS = 100_000 if LONG else 300
CALLERS = 3


@pytest.fixture
def core(own_redis: RedisServer, tmp_path: Path) -> Iterator[Core]:
    """A core on Redis with lists from SQLite, which is to take its time rather than be left alone."""
    urls = {"FILES_METADATA_URL": own_redis.url, "FILES_LIST_URL": f"sqlite:///{tmp_path}/lists.db"}
    opened = open_core(settings_for(tmp_path, **urls, FILES_LIST_TIMEOUT_MS="20000"))
    yield opened
    opened.close()


def check_own_writes(core: Core, number: int, checks: int, served_by: Counter[str], finished: threading.Event) -> None:
    """Write, and list what was written at once; new files, changed ones and removed ones."""
    owner, file_id = f"owner{number}", ""
    wanted: str | None
    chosen = random.Random(number)
    part = {"type": "file", "content_type": "text/plain", "size": 1}
    for check in range(checks):
        match check % 3:
            case 0:
                written = call(core, "files.upload", owner=owner, name=f"{check}.txt", parts=[part])
                file_id, wanted = written["file_id"], f"{check}.txt"
            case 1:
                wanted = f"{check} changed.txt"
                written = call(core, "files.update", file_id=file_id, changes={"name": wanted})
            case _:
                wanted = None
                written = call(core, "files.remove", file_id=file_id)
        # Now at once, now when the syncer may have come that far: both stores are to answer.
        finished.wait(chosen.choice((0, 0.01, 0.1)))
        answer = call(
            core, "files.list", owner=owner, order_by="created_at", min_change=written["change_token"], limit=10
        )
        found = {file["file_id"]: file["name"] for file in answer["files"]}
        assert found.get(file_id) == wanted, (check, answer["served_by"])
        served_by[answer["served_by"]] += 1


@pytest.mark.timeout(7_200 if LONG else 300)
def test_a_list_never_misses_the_write_it_was_told_of(core: Core, own_redis: RedisServer, tmp_path: Path) -> None:
    list_url = f"sqlite:///{tmp_path}/lists.db"
    syncer = SyncerProcess(tmp_path, own_redis.url, list_url)
    syncer.start()
    served_by = Counter[str]()
    finished = threading.Event()

    def disturb() -> None:
        chosen = random.Random(5)
        while not finished.wait(chosen.uniform(0.5, 1.5)):
            if chosen.random() < 0.5:
                syncer.signal(signal.SIGSTOP)
                finished.wait(0.3)
                syncer.signal(signal.SIGCONT)
            else:
                syncer.kill()
                syncer.start()

    disturbing = threading.Thread(target=disturb)
    try:
        call(core, "files.upload", owner="x", name="x", parts=[{"type": "file", "content_type": "a/b", "size": 1}])
        syncer.wait_for_log("the backfill is done")
        disturbing.start()
        at_once(CALLERS, lambda number: check_own_writes(core, number, CHECKS // CALLERS, served_by, finished))
    finally:
        finished.set()
        disturbing.join()
        syncer.kill()
    feed = core.metadata
    assert feed.checkpoint(f"sync:{sync_name(list_url)}")  # type: ignore[attr-defined]
    assert served_by.total() == CHECKS // CALLERS * CALLERS
    print(f"{CHECKS} checks, served by {dict(served_by)}")  # noqa: T201
