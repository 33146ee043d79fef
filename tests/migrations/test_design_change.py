"""A change of the design documents under constant lists: no call fails, and none waits for the build."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from storage_adapters import ListQuery, open_metadata_store
from tests.contract.metadata_scenes import make_record, save
from tests.servers.commands import run_command

FILES = 120
SECONDS = 300

# A process of the version before: it lists without a pause and notes how long each call took, until a file appears.
_LISTING = """
import json, sys, time
from pathlib import Path
from storage_adapters import ListQuery, open_metadata_store
url, expected, ready, stop, times = sys.argv[1], int(sys.argv[2]), *map(Path, sys.argv[3:])
store, taken = open_metadata_store(url), []
while not stop.exists():
    began = time.perf_counter()
    page = store.find(ListQuery(owner="ann", limit=20, order_by=("name", "uploaded_at", "size")[len(taken) % 3]))
    taken.append([time.time(), time.perf_counter() - began])
    assert len(page.records) == 20, page
    if len(taken) == 60:
        ready.touch()
times.write_text(json.dumps(taken))
"""

# The version after: every design document has another content, and so another name.
_NEW_VERSION = """
import sys
from storage_adapters.metadata.couchdb import views
real = views._design
for key, design in list(views.DESIGNS.items()):
    source = design.document["views"]["rows"]["map"]
    views.DESIGNS[key] = real(key, source.replace("function (doc) {", "function (doc) { /* changed */", 1))
"""
_MIGRATE = _NEW_VERSION + "from migrations.cli import cli\ncli(sys.argv[1:])\n"
_NEW_LIST = (
    _NEW_VERSION
    + """
from storage_adapters import ListQuery, open_metadata_store
store = open_metadata_store(sys.argv[1])
assert len(store.find(ListQuery(owner="ann", limit=20)).records) == 20
assert store.usage("ann").total.files == int(sys.argv[2])
"""
)


def fill(url: str, files: int) -> None:
    with closing(open_metadata_store(url)) as store:
        for number in range(files):
            save(store, make_record(f"f{number:06}", name=f"name {number}", size=number, tags=("red",)))
        store.find(ListQuery(owner="ann"))


def change_under_load(url: str, folder: Path, files: int) -> tuple[list[float], list[float]]:
    """Seconds of the calls before the change, and of those during it."""
    ready, stop, times = folder / "ready", folder / "stop", folder / "times.json"
    arguments = [sys.executable, "-c", _LISTING, url, str(files), str(ready), str(stop), str(times)]
    with subprocess.Popen(arguments) as listing:
        deadline = time.monotonic() + SECONDS
        while not ready.exists():
            assert time.monotonic() < deadline, "no lists"
            assert listing.poll() is None
            time.sleep(0.05)
        began = time.time()
        migrate(url, "up")
        ended = time.time()
        stop.touch()
        assert listing.wait(SECONDS) == 0
    taken = json.loads(times.read_text())
    before = [seconds for at, seconds in taken if at < began]
    during = [seconds for at, seconds in taken if began <= at - seconds and at <= ended + seconds]
    return before, during


def summary(seconds: list[float]) -> str:
    """How many calls, and how long half, 99 in 100, and the longest took."""
    ordered = sorted(seconds)
    middle, late = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return (
        f"{len(ordered)} calls, {middle * 1e3:.0f} ms p50, {late * 1e3:.0f} ms p99, {ordered[-1] * 1e3:.0f} ms longest"
    )


def migrate(url: str, *command: str) -> str:
    environ = {**os.environ, "FILES_METADATA_URL": url}
    done = run_command([sys.executable, "-c", _MIGRATE, *command], environ=environ, seconds=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(900)
def test_no_list_fails_while_design_documents_change(couchdb_url: str, tmp_path: Path) -> None:
    fill(couchdb_url, FILES)
    before, during = change_under_load(couchdb_url, tmp_path, FILES)
    assert len(before) >= 60
    assert during
    # The build shares the processors with the lists; the margin is for whatever else does.
    assert max(during) < 5 * max(before), f"before {summary(before)}, during {summary(during)}"
    with closing(open_metadata_store(couchdb_url)) as old:
        assert len(old.find(ListQuery(owner="ann", limit=20)).records) == 20
    new = [sys.executable, "-c", _NEW_LIST, couchdb_url, str(FILES)]
    subprocess.run(new, check=True, timeout=100)
    migrate(couchdb_url, "repair", "--step", "3")
    subprocess.run(new, check=True, timeout=100)
