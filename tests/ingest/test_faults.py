"""Faults between a card and its verdict: killed readers, stopped gateways, cut networks, no room, no token."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace as with_other
from functools import partial
from pathlib import Path

import pytest

from files_service.errors import Unauthorized
from files_service.gateway.auth.bearer import make_token
from files_service.ingest.entries import Entry
from files_service.ingest.journal import Journal, NotedUpload
from files_service.ingest.options import Ending
from files_service.ingest.reader import BLOCK_BYTES, DeviceGone
from files_service.ingest.transfer import FILES_READ
from files_service.ingest.window import Window
from tests.cores import SECRETS, memory_core, sqlite_core
from tests.faults.gateways import PACKAGED, GatewayProcess
from tests.gateway.cutting_proxy import cutting
from tests.gateway.serving import WAIT_SECONDS, Served, serving
from tests.ingest.bringing import (
    CHUNK,
    KIB,
    OWNER,
    Reading,
    Told,
    assert_identical,
    bring,
    bring_to,
    entries,
    footage,
    long_clip,
    received_bytes,
    service_at,
)
from tests.ingest.cards import fill, fingerprint
from tests.ingest.valve import valve
from tests.servers.forking import forked
from tests.servers.ports import free_ports

# Slices of one connection that the gateway takes before it has stored them, and one that is on its way.
WINDOW = 5 * CHUNK
MOST_AGAIN = 16 * 2**20
# Seeds with which the first connection meets with an accident.
ACCIDENTS = [seed for seed in range(1, 20) if random.Random(seed).random() >= 0.3]


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(2, 12))])
def test_a_killed_reader_goes_on_where_the_service_stopped_receiving(served: Served, tmp_path: Path, seed: int) -> None:
    files, dice = footage(seed=seed), random.Random(seed)
    size, kills = sum(map(len, files.values())), 2
    fill(tmp_path / "card", files)
    state = fingerprint(tmp_path / "card")
    with valve(served.port) as way:
        environ = _environ(tmp_path, way.port)
        for _ in range(kills):
            with _reader(tmp_path, environ) as reader:
                way.open_for(dice.randrange(size // 2))
                way.wait_until_used_up()
                reader.kill()
                reader.wait(WAIT_SECONDS)
        way.open_for(2**60)
        outcome = bring(served, tmp_path / "card", tmp_path / "state" / "files", port=way.port)
    assert outcome.ending is Ending.COMPLETE
    assert_identical(served, outcome, files)
    sessions = served.result("cards.sessions", owner=OWNER)["sessions"]
    assert len(sessions) == 1
    # Each kill costs what was not acknowledged, and nothing else is sent again.
    assert size <= received_bytes(served) <= size + kills * FILES_READ * WINDOW
    names = [each["name"] for each in served.result("files.list", owner=OWNER, limit=100)["files"]]
    assert sorted(names) == sorted(path.rpartition("/")[2] for path in files)
    assert fingerprint(tmp_path / "card") == state


@pytest.mark.parametrize("transport", ["websocket", "tus"])
def test_a_reader_that_is_killed_twenty_times_brings_the_card(served: Served, tmp_path: Path, transport: str) -> None:
    files, dice = footage(seed=20) | long_clip(), random.Random(20)
    size, kills = sum(map(len, files.values())), 20
    fill(tmp_path / "card", files)
    state = fingerprint(tmp_path / "card")
    modules = ("files_service.cli.ingest", "files_service.ingest.run")
    with valve(served.port) as way, forked(_environ(tmp_path, way.port), tmp_path / "log", *modules) as readers:
        for _ in range(kills):
            readers.start("ingest", "--plain", "--transport", transport, str(tmp_path / "card"))
            way.open_for(dice.randrange(2, size // kills // 2))
            way.wait_until_used_up()
            readers.kill()
        way.open_for(2**60)
        outcome = bring(served, tmp_path / "card", tmp_path / "state" / "files", port=way.port, transport=transport)
    assert outcome.ending is Ending.COMPLETE
    assert_identical(served, outcome, files)
    assert len(served.result("cards.sessions", owner=OWNER)["sessions"]) == 1
    assert fingerprint(tmp_path / "card") == state


@pytest.mark.parametrize("transport", ["websocket", "tus"])
@pytest.mark.parametrize(
    "seed", [ACCIDENTS[0], *(pytest.param(seed, marks=pytest.mark.nightly) for seed in ACCIDENTS[1:])]
)
def test_a_card_arrives_over_a_network_that_cuts_connections_and_loses_answers(
    served: Served, tmp_path: Path, seed: int, transport: str
) -> None:
    files = footage(seed=seed) | long_clip(seed)
    fill(tmp_path / "card", files)
    with cutting(served.port, accidents=8, seed=seed) as proxy:
        outcome = bring(served, tmp_path / "card", tmp_path / "state", port=proxy.port, transport=transport)
    assert proxy.met
    assert outcome.ending is Ending.COMPLETE
    assert_identical(served, outcome, files)


def test_a_gateway_that_restarts_loses_at_most_sixteen_mebibytes_of_a_file(tmp_path: Path) -> None:
    size, [port] = 8 * BLOCK_BYTES + 5, free_ports(1)
    files = {"DCIM/100GOPRO/GX010001.MP4": random.Random(5).randbytes(size)}
    fill(tmp_path / "card", files)
    with valve(port) as way, ThreadPoolExecutor(1) as pool:
        with serving(sqlite_core(tmp_path / "data"), port=port) as first:
            way.open_for(6 * BLOCK_BYTES)
            running = pool.submit(bring, first, tmp_path / "card", tmp_path / "state", port=way.port, transport="tus")
            way.wait_until_used_up()
        way.open_for(2**60)
        with serving(sqlite_core(tmp_path / "data"), port=port) as second:
            outcome = running.result(WAIT_SECONDS)
            assert outcome.ending is Ending.COMPLETE
            assert_identical(second, outcome, files)
    assert size <= outcome.sent_bytes <= size + MOST_AGAIN


@pytest.mark.parametrize("transport", ["tus", pytest.param("websocket", marks=pytest.mark.nightly)])
def test_a_gateway_that_is_killed_loses_a_window_and_what_is_on_its_way(tmp_path: Path, transport: str) -> None:
    kills, size = 2, 24 * BLOCK_BYTES + 5
    files = {"DCIM/100GOPRO/GX010001.MP4": random.Random(6).randbytes(size)}
    fill(tmp_path / "card", files)
    (tmp_path / "data").mkdir()
    with (
        closing(GatewayProcess(tmp_path / "data", PACKAGED)) as gateway,
        valve(gateway.port) as way,
        ThreadPoolExecutor(1) as pool,
    ):
        gateway.start()
        service = service_at(way.port)
        running = pool.submit(bring_to, service, tmp_path / "card", tmp_path / "state", transport=transport)
        for _ in range(kills):
            way.open_for(10 * BLOCK_BYTES)
            way.wait_until_used_up()
            gateway.kill()
            gateway.start()
        way.open_for(2**60)
        outcome = running.result(WAIT_SECONDS)
    assert outcome.ending is Ending.COMPLETE
    with serving(sqlite_core(tmp_path / "data")) as served:
        assert_identical(served, outcome, files)
    # A block that is being sent, and the buffers of sockets, come on top.
    assert size <= outcome.sent_bytes <= size + kills * (MOST_AGAIN + 2 * BLOCK_BYTES)


def test_a_card_arrives_although_the_gateway_is_restarted(tmp_path: Path) -> None:
    files, [port] = footage(), free_ports(1)
    fill(tmp_path / "card", files)
    with valve(port) as way, ThreadPoolExecutor(1) as pool:
        with serving(sqlite_core(tmp_path / "data", chunk_bytes=CHUNK), port=port) as first:
            way.open_for(sum(map(len, files.values())) // 2)
            running = pool.submit(bring, first, tmp_path / "card", tmp_path / "state", port=way.port)
            way.wait_until_used_up()
        way.open_for(2**60)
        with serving(sqlite_core(tmp_path / "data", chunk_bytes=CHUNK), port=port) as second:
            outcome = running.result(WAIT_SECONDS)
            assert outcome.ending is Ending.COMPLETE
            assert_identical(second, outcome, files)


def test_a_card_that_does_not_fit_is_refused_before_anything_is_copied(tmp_path: Path) -> None:
    files, stop = footage(count=3), threading.Event()
    fill(tmp_path / "card", files)
    # Room for all files but the last one.
    core = memory_core(tmp_path / "data", chunk_bytes=CHUNK, owner_quota_bytes=sum(map(len, files.values())) - 1)
    with serving(core) as served:

        class Stopping(Told):
            """Stops when it is told that there is no room."""

            def said(self, text: str) -> None:
                super().said(text)
                stop.set()

        told = Stopping()
        outcome = bring(served, tmp_path / "card", tmp_path / "state", progress=told, stop=stop)
        assert served.result("files.count", owner=OWNER)["total"] == 0
    assert (outcome.ending, outcome.sent_bytes) == (Ending.INTERRUPTED, 0)
    assert told.lines[0].startswith("paused: the service has no room")


def test_without_room_the_card_waits_for_room(tmp_path: Path) -> None:
    files = footage(count=3)
    fill(tmp_path / "card", files)
    size = sum(map(len, files.values()))
    core = memory_core(tmp_path / "data", chunk_bytes=CHUNK, owner_quota_bytes=size + CHUNK)
    with serving(core) as served:
        big = served.result("files.upload", owner=OWNER, name="in the way", parts=[{"size": size // 2}])

        class Clearing(Told):
            """Makes room when it is told that there is none."""

            def said(self, text: str) -> None:
                super().said(text)
                if "no room" in text:
                    served.result("files.remove", file_id=big["file_id"])

        told = Clearing()
        outcome = bring(served, tmp_path / "card", tmp_path / "state", progress=told)
        assert outcome.ending is Ending.COMPLETE
        assert [line.partition(":")[0] for line in told.lines] == ["paused", "going on"]
        assert_identical(served, outcome, files)


def test_a_refused_token_is_asked_for_and_read_again(served: Served, tmp_path: Path) -> None:
    files = footage(count=2)
    fill(tmp_path / "card", files)
    tokens = [make_token(OWNER, SECRETS["FILES_JWT_SECRET"], 86_400)]
    other = "another-secret-of-32-characters-and-more"

    class Renewing(Told):
        """Has all tokens refused in the middle, and writes a new one when it is told."""

        def began(self, path: str, size: int) -> None:
            settings = with_other(served.core.settings, jwt_secret=other)
            object.__setattr__(served.core, "settings", settings)

        def said(self, text: str) -> None:
            super().said(text)
            if "token" in text:
                tokens[:] = [make_token(OWNER, other, 86_400)]

    told = Renewing()
    outcome = bring(served, tmp_path / "card", tmp_path / "state", progress=told, read_token=lambda: tokens[0])
    assert outcome.ending is Ending.COMPLETE
    assert told.lines[0].startswith("paused: the service refuses the token")
    assert outcome.session is not None
    object.__setattr__(
        served.core, "settings", with_other(served.core.settings, jwt_secret=SECRETS["FILES_JWT_SECRET"])
    )
    assert_identical(served, outcome, files)


def test_without_a_token_that_is_accepted_a_command_is_refused_and_a_daemon_waits(
    served: Served, tmp_path: Path
) -> None:
    files = footage(count=1)
    fill(tmp_path / "card", files)
    wrong = make_token(OWNER, "another-secret-of-32-characters-and-more", 86_400)
    outcome = bring(served, tmp_path / "card", tmp_path / "state", read_token=lambda: wrong, wait_for_token=False)
    assert (outcome.ending, outcome.reason.partition(":")[0]) == (Ending.REFUSED, "unauthorized")

    def none() -> str:
        raise Unauthorized("there is no token")

    outcome = bring(served, tmp_path / "card", tmp_path / "state", read_token=none, wait_for_token=False)
    assert outcome.ending is Ending.REFUSED
    right, tokens = make_token(OWNER, SECRETS["FILES_JWT_SECRET"], 86_400), [wrong]

    class Writing(Told):
        """Writes the right token when it is asked for."""

        def said(self, text: str) -> None:
            super().said(text)
            tokens[:] = [right]

    told = Writing()
    outcome = bring(served, tmp_path / "card", tmp_path / "state", read_token=lambda: tokens[0], progress=told)
    assert outcome.ending is Ending.COMPLETE
    assert told.lines[0].startswith("paused: the service refuses the token")
    assert right not in "".join(told.lines)
    assert_identical(served, outcome, files)


def test_reading_stops_while_nothing_is_acknowledged(served: Served, tmp_path: Path) -> None:
    files = footage(count=2, size=40 * CHUNK)
    fill(tmp_path / "card", files)
    most = [0]
    acknowledged = [0]

    class Noting(Told):
        """Adds up what is acknowledged."""

        def moved(self, path: str, count: int) -> None:
            acknowledged[0] += count

    reading = Reading(before=lambda descriptor, offset: most.append(reading.count - acknowledged[0]))
    keys = sum(min(len(each), 128 * KIB) for each in files.values())
    outcome = bring(
        served,
        tmp_path / "card",
        tmp_path / "state",
        read=reading,
        progress=Noting(),
        verify="copies",
        window=Window(6 * CHUNK),
    )
    assert outcome.ending is Ending.COMPLETE
    assert acknowledged[0] == sum(map(len, files.values()))
    assert max(most) <= keys + FILES_READ * WINDOW + 6 * CHUNK


def test_a_stopped_run_is_interrupted_and_continued(served: Served, tmp_path: Path) -> None:
    files = footage()
    fill(tmp_path / "card", files)
    stop = threading.Event()

    class Stopping(Told):
        """Stops at the first byte."""

        def moved(self, path: str, count: int) -> None:
            stop.set()

    with valve(served.port) as way:
        way.open_for(sum(map(len, files.values())) // 2)
        outcome = bring(served, tmp_path / "card", tmp_path / "state", port=way.port, progress=Stopping(), stop=stop)
        assert (outcome.ending, outcome.reason) == (Ending.INTERRUPTED, "stopped")
        way.open_for(2**60)
        outcome = bring(served, tmp_path / "card", tmp_path / "state", port=way.port)
    assert outcome.ending is Ending.COMPLETE
    assert_identical(served, outcome, files)


def _environ(folder: Path, port: int) -> Mapping[str, str]:
    return {
        **os.environ,
        "FILES_DATA_DIR": str(folder / "client"),
        "FILES_HTTP": f"127.0.0.1:{port}",
        "FILES_TOKEN": make_token(OWNER, SECRETS["FILES_JWT_SECRET"], 86_400),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }


def _reader(folder: Path, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "files_service.cli", "ingest", "--plain", str(folder / "card")],
            env=environ,
            stdout=log,
            stderr=log,
        )


def test_an_upload_whose_declaration_was_not_noted_is_found_again(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = footage(count=2)
    fill(tmp_path / "card", files)
    note = Journal.note_upload

    def die(journal: Journal, path: str, noted: NotedUpload) -> None:
        if noted.upload_id is not None:
            raise DeviceGone("the reader dies here")
        note(journal, path, noted)

    with monkeypatch.context() as patch:
        # The moment between the answer and the journal is one that no test can hit from another process.
        patch.setattr(Journal, "note_upload", die)
        assert bring(served, tmp_path / "card", tmp_path / "state").ending is Ending.INTERRUPTED
    outcome = bring(served, tmp_path / "card", tmp_path / "state")
    assert_identical(served, outcome, files)
    names = [each["name"] for each in served.result("files.list", owner=OWNER, limit=100)["files"]]
    assert sorted(names) == sorted(path.rpartition("/")[2] for path in files)


def test_a_file_that_changed_after_a_break_leaves_nothing_of_what_it_was(served: Served, tmp_path: Path) -> None:
    clip, former, content = "DCIM/100GOPRO/GX010001.MP4", random.Random(7).randbytes(9 * CHUNK), b"other"
    fill(tmp_path / "card", {clip: former})
    stop = threading.Event()
    with valve(served.port) as way, ThreadPoolExecutor(1) as pool:
        run = partial(bring, served, tmp_path / "card", tmp_path / "state", port=way.port, transport="tus")
        running = pool.submit(run, stop=stop)
        way.open_for(6 * CHUNK)
        way.wait_until_used_up()
        stop.set()
        assert running.result(WAIT_SECONDS).ending is Ending.INTERRUPTED
        (tmp_path / "card" / clip).write_bytes(content)
        way.open_for(2**60)
        outcome = run(young_seconds=0)
    assert_identical(served, outcome, {clip: content})
    [kept] = served.result("files.list", owner=OWNER, filter={"status": {"exists": True}})["files"]
    assert kept["size"] == len(content)


@pytest.mark.parametrize("times", ["new", "kept"])
def test_a_file_that_came_whole_stays_when_another_one_takes_its_name_after_a_break(
    served: Served, tmp_path: Path, times: str
) -> None:
    clip, former, content = "DCIM/100GOPRO/GX010001.MP4", random.Random(7).randbytes(9 * CHUNK), b"x" * 9 * CHUNK
    fill(tmp_path / "card", {clip: former, "DCIM/100GOPRO/GX010002.MP4": b"second"})

    class Pulling(Told):
        """Pulls the card when the first file has come."""

        def ended(self, entry: Entry) -> None:
            if entry.path == clip:
                raise DeviceGone("pulled")

    run = partial(bring, served, tmp_path / "card", tmp_path / "state", young_seconds=0)
    assert run(progress=Pulling()).uploaded == 1
    before = (tmp_path / "card" / clip).stat()
    (tmp_path / "card" / clip).write_bytes(content)
    if times == "kept":
        os.utime(tmp_path / "card" / clip, ns=(before.st_atime_ns, before.st_mtime_ns))
    outcome = run()
    assert (outcome.ending, entries(served, outcome)[clip]["sha256"]) == (
        Ending.COMPLETE,
        hashlib.sha256(content).hexdigest(),
    )
    found = served.result("files.list", owner=OWNER, filter={"status": {"exists": True}})["files"]
    wanted = {hashlib.sha256(each).hexdigest() for each in (former, content)}
    assert {each["parts"][0]["sha256"] for each in found} >= wanted


def test_two_runs_of_a_card_do_not_take_each_others_uploads(served: Served, tmp_path: Path) -> None:
    files = footage(count=2)
    fill(tmp_path / "card", files)
    with valve(served.port) as way, ThreadPoolExecutor(1) as pool:
        run = partial(bring, served, tmp_path / "card", tmp_path / "state", port=way.port)
        way.open_for(6 * CHUNK)
        running = pool.submit(run)
        way.wait_until_used_up()
        other = run()
        assert (other.ending, other.reason) == (Ending.REFUSED, "another run on this machine takes this card")
        way.open_for(2**60)
        outcome = running.result(WAIT_SECONDS)
    assert outcome.ending is Ending.COMPLETE
    assert_identical(served, outcome, files)
