"""A list with ``min_change`` has its write, while the syncer that fills the list store is killed and paused."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.services.opening import open_core
from storage_adapters import SupportsChanges, sync_name
from tests.cores import at_once, call, settings_for
from tests.scale import NIGHTLY
from tests.servers.redis import RedisServer
from tests.syncer.processes import SyncerProcess

CHECKS = 100_000 if NIGHTLY else 180
CALLERS = 3
COPIED_SECONDS = 300


@pytest.fixture(params=["sqlite", "couchdb"])
def list_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty list store of either kind."""
    return f"sqlite:///{tmp_path}/lists.db" if request.param == "sqlite" else request.getfixturevalue("couchdb_url")


@pytest.fixture
def core(own_redis: RedisServer, list_url: str, tmp_path: Path) -> Iterator[Core]:
    """A core on Redis with lists from another store, which is to take its time rather than be left alone."""
    urls = {"FILES_METADATA_URL": own_redis.url, "FILES_LIST_URL": list_url}
    opened = open_core(settings_for(tmp_path, **urls, FILES_LIST_TIMEOUT_MS="20000"))
    yield opened
    opened.close()


def check_own_writes(core: Core, number: int, served_by: Counter[str], copied: Callable[[], None]) -> None:
    """Write, and list what was written at once; new files, changed ones and removed ones."""
    owner, file_id = f"owner{number}", ""
    wanted: str | None
    chosen = random.Random(number)
    part = {"type": "file", "content_type": "text/plain", "size": 1}
    for check in range(CHECKS // CALLERS):
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
        # Now at once, now when the syncer may have come that far, or surely has: both stores are to answer.
        if check % 100 == 50:
            copied()
        else:
            time.sleep(chosen.choice((0, 0.01, 0.1)))
        answer = call(
            core, "files.list", owner=owner, order_by="created_at", min_change=written["change_token"], limit=10
        )
        found = {file["file_id"]: file["name"] for file in answer["files"]}
        assert found.get(file_id) == wanted, (check, answer["served_by"])
        served_by[answer["served_by"]] += 1


def disturb(syncer: SyncerProcess, copied: Callable[[], None], finished: threading.Event) -> None:
    """Pause, stop or kill the syncer again and again, each time when it has caught up with the last time."""
    chosen = random.Random(5)
    while not finished.wait(chosen.uniform(0.2, 1.0)):
        match chosen.choices(("pause", "stop", "kill"), (6, 2, 1))[0]:
            case "pause":
                syncer.signal(signal.SIGSTOP)
                finished.wait(0.3)
                syncer.signal(signal.SIGCONT)
            case "stop":
                syncer.stop()
                syncer.start()
            case _:
                # Its lease has to run out before the next one copies.
                syncer.kill()
                syncer.start()
        copied()


def wait_until_copied(core: Core, name: str, finished: threading.Event) -> None:
    """Wait until the syncer has copied what is there now: one that never does is no disturbance of lists."""
    feed = core.metadata
    assert isinstance(feed, SupportsChanges)
    last, deadline = feed.last_sequence(), time.monotonic() + COPIED_SECONDS
    while not feed.has_passed(last, feed.checkpoint(f"sync:{name}")) and not finished.wait(0.02):
        assert time.monotonic() < deadline


@pytest.mark.timeout(7_200 if NIGHTLY else 900)
def test_a_list_never_misses_the_write_it_was_told_of(
    core: Core, own_redis: RedisServer, list_url: str, tmp_path: Path
) -> None:
    syncer = SyncerProcess(tmp_path, own_redis.url, list_url)
    syncer.start()
    served_by = Counter[str]()
    finished = threading.Event()
    copied = partial(wait_until_copied, core, sync_name(list_url), finished)
    disturbing = threading.Thread(target=disturb, args=(syncer, copied, finished))
    try:
        call(core, "files.upload", owner="x", name="x", parts=[{"type": "file", "content_type": "a/b", "size": 1}])
        syncer.wait_for_log("the backfill is complete")
        disturbing.start()
        at_once(CALLERS, lambda number: check_own_writes(core, number, served_by, copied))
    finally:
        finished.set()
        if disturbing.ident is not None:
            disturbing.join()
        syncer.kill()
    print(f"{served_by.total()} checks, served by {dict(served_by)}")  # noqa: T201
    assert served_by.total() == CHECKS // CALLERS * CALLERS
    assert len(served_by) == 2
