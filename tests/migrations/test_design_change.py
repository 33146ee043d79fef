"""A change of the design documents under constant lists: no call fails, and none waits for the build."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from migrations.run import Run
from storage_adapters import ListQuery, SupportsDesigns, open_metadata_store
from tests.contract.metadata_scenes import make_record, save
from tests.migrations.stores import runner_on
from tests.servers.commands import run_command

FILES = 200
SECONDS = 600
CALLS = 300 if os.environ.get("COUCHDB_URL") else 100  # of the usual, before the change and after it
# How much longer than usually a call may take. The stand-in builds in the one thread that answers, so that how long its
# calls take says nothing: there, none may take as long as half of the change. CouchDB starts processes to build
# in; where two processors are all there is, the goal of twice p99 is missed while they start (2.3 to 3.7 times seen).
ALLOWED = 6 if os.environ.get("COUCHDB_URL") else None
PART = 1 / 2

# A process of the version before: it lists without a pause and notes how long each call took. It begins when every
# order was asked for once, and ends so many calls after a file has appeared.
_LISTING = """
import json, sys, time
from pathlib import Path
from storage_adapters import ListQuery, open_metadata_store
url, calls, ready, stop, times = sys.argv[1], int(sys.argv[2]), *map(Path, sys.argv[3:])
store, taken, last = open_metadata_store(url), [], None
ORDERS = ("name", "uploaded_at", "size")
for number in range(10**9):
    began, at = time.perf_counter(), time.time()
    page = store.find(ListQuery(owner="ann", limit=20, order_by=ORDERS[number % 3]))
    if number >= 30:
        taken.append([at, time.perf_counter() - began])
    assert len(page.records) == 20, page
    if len(taken) == calls:
        ready.touch()
    if last is None and stop.exists():
        last = len(taken) + calls
    if len(taken) == last:
        break
times.write_text(json.dumps(taken))
"""

# The version after: every design document has another content, and so another name.
_NEW_VERSION = """
import sys
from storage_adapters.metadata.couchdb import views
real = views._design
for key, design in list(views.DESIGNS.items()):
    source = design.document["views"]["rows"]["map"].replace("function (doc) {", "function (doc) { /* changed */", 1)
    views.DESIGNS[key] = real(key, source, autoupdate=False)
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


@dataclass(frozen=True)
class Calls:
    """How long calls took, in seconds: the usual ones, before and after a change, and those during it."""

    usual: list[float]
    during: list[float]
    change: float  # how long the change took

    def shown(self) -> str:
        return f"usual {summary(self.usual)}; during {summary(self.during)}, {self.change:.1f} s"


def change_under_load(url: str, folder: Path) -> Calls:
    ready, stop, times = folder / "ready", folder / "stop", folder / "times.json"
    arguments = [sys.executable, "-c", _LISTING, url, str(CALLS), str(ready), str(stop), str(times)]
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
    return Calls(
        usual=[seconds for at, seconds in taken if at + seconds < began or at > ended],
        during=[seconds for at, seconds in taken if at + seconds >= began and at <= ended],
        change=ended - began,
    )


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) * 99 // 100]


def summary(seconds: list[float]) -> str:
    """How many calls, and how long half, 99 in 100, and the longest took."""
    middle, late, longest = statistics.median(seconds) * 1e3, p99(seconds) * 1e3, max(seconds) * 1e3
    return f"{len(seconds)} calls, {middle:.0f} ms p50, {late:.0f} ms p99, {longest:.0f} ms longest"


def migrate(url: str, *command: str) -> str:
    environ = {**os.environ, "FILES_METADATA_URL": url}
    done = run_command([sys.executable, "-c", _MIGRATE, *command], environ=environ, seconds=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_one_design_document_after_the_other_is_written_and_built(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CouchDB builds all that it finds at once, and so many take the processors from the lists."""
    fill(couchdb_url, 5)
    with runner_on(couchdb_url) as runner:
        store = runner.store
        assert isinstance(store, SupportsDesigns)
        names = store.designs()[1]
        store.drop_designs(names)
        real, found = Run.save, []

        def save(run: Run, stage: str, place: object, *, files: int = 0) -> None:
            if stage == "building":
                found.append(len(store.designs()[1]))
            real(run, stage, place, files=files)

        monkeypatch.setattr(Run, "save", save)
        runner.up(offline=True)
        assert found == list(range(1, len(names) + 1))


@pytest.mark.timeout(2 * SECONDS)
def test_no_list_fails_while_design_documents_change(couchdb_url: str, tmp_path: Path) -> None:
    fill(couchdb_url, FILES)
    calls = change_under_load(couchdb_url, tmp_path)
    assert len(calls.usual) >= 2 * CALLS - 1
    assert len(calls.during) >= 20
    assert max(calls.during) < PART * calls.change, f"a list waited: {calls.shown()}"
    if ALLOWED:
        limit = ALLOWED * p99(calls.usual)
        late, usually = (sum(seconds > limit for seconds in each) for each in (calls.during, calls.usual))
        # Whatever makes calls late that have nothing to do with a change makes late calls during it, too.
        noise = usually * len(calls.during) / len(calls.usual)
        assert late <= 3 * noise, f"{late} of {len(calls.during)} took over {limit * 1e3:.0f} ms: {calls.shown()}"
    with closing(open_metadata_store(couchdb_url)) as old:
        assert len(old.find(ListQuery(owner="ann", limit=20)).records) == 20
    new = [sys.executable, "-c", _NEW_LIST, couchdb_url, str(FILES)]
    subprocess.run(new, check=True, timeout=100)
    migrate(couchdb_url, "repair", "--step", "3")
    subprocess.run(new, check=True, timeout=100)
