"""The command line as an operator meets it: what is wrong is named, and every ending has its status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from files_service.runtime.clock import now_ms
from files_service.runtime.recounts import LEASE
from storage_adapters import SupportsLeases, open_metadata_store
from tests.contract.metadata_scenes import make_record, save
from tests.migrations.stores import fill
from tests.servers.commands import run_command
from tests.servers.ports import free_ports
from tests.servers.redis import RedisServer, raw, throw_away

SECONDS = 300


@pytest.fixture
def store(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'files.db'}"
    fill(url)
    return url


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "migrations", *arguments]


def run(*arguments: str) -> tuple[int, str, str]:
    """Run to the end: the status, and what stood on both outputs."""
    env = {name: value for name, value in os.environ.items() if name != "FILES_METADATA_URL"}
    done = run_command(command(*arguments), environ=env, seconds=SECONDS)
    return done.returncode, done.stdout, done.stderr


def test_every_command_answers_with_text_or_with_one_json_object(store: str) -> None:
    for name in ("status", "plan", "steps", "up", "verify", "repair", "down"):
        offline = ("--offline",) if name in ("up", "down") else ()
        status, text, errors = run(name, "--store", store, *offline)
        assert (status, bool(text)) == (0, True), errors
        status, text, errors = run(name, "--store", store, "--json", *offline)
        assert (status, errors) == (0, "")
        assert isinstance(json.loads(text), dict)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["status"], 2, "'--store'"),
        (["status", "--store", "files.db"], 2, "--store, or FILES_METADATA_URL: no store for a URL without a scheme"),
        (["status", "--store", "mysql://ann:secret@there/files"], 2, "FILES_METADATA_URL: no store for mysql"),
        (["status", "--store", "memory://"], 2, "FILES_METADATA_URL: memory:// "),
        (["up", "--store", "sqlite:////proc/none/files.db"], 5, "FILES_METADATA_URL: cannot create the folder"),
        (["status", "--store", "redis://ann:secret@127.0.0.1:{nobody}"], 5, "127.0.0.1:{nobody}"),
        (["status", "--store", "couchdb://ann:secret@127.0.0.1:{nobody}/files"], 5, "--store, or FILES_METADATA_URL: "),
        (["plan", "--store", "{store}", "--to", "99"], 2, "no step 99"),
        (["up", "--store", "{store}", "--batch", "0"], 2, "'--batch'"),
        (["up", "--store", "{store}", "--rate", "fast"], 2, "'--rate'"),
        (["repair", "--store", "{store}", "--step", "99"], 2, "--step"),
        (["import-ms-files", "--store", "{store}"], 2, "--source, by default --store: "),
        (["import-ms-files", "--store", "{store}", "--source", "sqlite:///other.db"], 2, "--source: "),
        (["import-ms-files", "--store", "{store}", "--source", "redis://127.0.0.1:{nobody}"], 5, "--source: "),
        (["import-ms-files", "--store", "{store}", "--report", "/proc"], 2, "'--report'"),
    ],
)
def test_what_is_wrong_is_named(store: str, arguments: list[str], status: int, said: str) -> None:
    (nobody,) = free_ports(1)
    filled = [argument.format(store=store, nobody=nobody) for argument in arguments]
    found, text, errors = run(*filled)
    assert (found, text) == (status, ""), errors
    assert said.format(nobody=nobody) in errors
    assert "secret" not in errors
    assert "Traceback" not in errors


def test_json_has_the_error_and_its_status(store: str) -> None:
    status, text, errors = run("plan", "--store", store, "--to", "99", "--json")
    assert (status, errors) == (2, "")
    error = json.loads(text)["error"]
    assert (error["code"], error["exit_status"]) == ("BadRequest", 2)
    assert "no step 99" in error["message"]


@pytest.mark.parametrize("place", ["/proc/none/report.jsonl", "/dev/full"])
def test_a_report_that_cannot_be_written_is_named(redis_server_url: str, store: str, place: str) -> None:
    with throw_away(redis_server_url) as old, raw(old) as client:
        client.hset(f"{{{old.partition('prefix=')[2]}}}files-data:f1", "status", "9")
        status, _, errors = run("import-ms-files", "--store", store, "--source", old, "--report", place)
    assert (status, f"Error: --report {place}: " in errors) == (2, True), errors
    assert "Traceback" not in errors


def test_a_report_is_written_and_named_only_where_it_is_asked_for(
    redis_server_url: str, store: str, tmp_path: Path
) -> None:
    with throw_away(redis_server_url) as old:
        bare = run("import-ms-files", "--store", store, "--source", old)
        place = tmp_path / "report.jsonl"
        asked = run("import-ms-files", "--store", store, "--source", old, "--report", str(place))
    assert (bare[0], "oddities" in bare[1]) == (0, False)
    assert (asked[0], f"all oddities: {place}" in asked[1], place.exists()) == (0, True, True)


def test_a_store_that_another_runner_works_on_is_left_alone(store: str) -> None:
    with closing(open_metadata_store(store)) as opened:
        assert isinstance(opened, SupportsLeases)
        assert opened.acquire_lease(LEASE, holder="another", now=now_ms(), until=now_ms() + 600_000)
    for name in ("up", "down", "verify", "repair"):
        status, _, errors = run(name, "--store", store, *(("--offline",) if name in ("up", "down") else ()))
        assert (status, "another runner works on this store" in errors) == (3, True), errors
    assert run("status", "--store", store)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_at_its_next_checkpoint(store: str, number: int) -> None:
    with slow_run(store, batch=1) as working:
        working.send_signal(number)
        errors = working.communicate(timeout=SECONDS)[1]
    assert working.returncode == 6, errors
    assert "stopping at the next checkpoint" in errors
    assert "run again to continue" in errors
    assert run("up", "--store", store, "--offline")[0] == 0
    assert run("verify", "--store", store)[0] == 0


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once(own_redis: RedisServer, second: int) -> None:
    with closing(open_metadata_store(own_redis.url)) as opened:
        for number in range(40):
            save(opened, make_record(f"f{number}"))
    with slow_run(own_redis.url, batch=1) as working:
        own_redis.pause()  # it waits for an answer, and comes to no checkpoint
        working.send_signal(signal.SIGINT)
        assert working.stderr is not None
        while "second signal" not in working.stderr.readline():
            assert working.poll() is None
        working.send_signal(second)
        assert working.wait(SECONDS) == -second
        own_redis.resume()
    assert json.loads(run("status", "--store", own_redis.url, "--json")[1])["running"] is not None


def slow_run(store: str, *, batch: int) -> subprocess.Popen[str]:
    """An `up` that goes on for a while, as soon as it is at work."""
    arguments = ["up", "--store", store, "--offline", "--batch", str(batch), "--rate", "1"]
    working = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + SECONDS
    while (json.loads(run("status", "--store", store, "--json")[1])["running"] or {}).get("step") != 4:
        assert working.poll() is None
        assert time.monotonic() < deadline
    return working


def test_usage_has_the_name_of_the_command_that_was_called(tmp_path: Path) -> None:
    files = [sys.executable, "-m", "files_service.cli", "migrate"]
    for called, name in ((command(), "python -m migrations"), (files, "files migrate")):
        done = run_command([*called, "foo"], environ={**os.environ, "FILES_DATA_DIR": str(tmp_path)})
        assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"Usage: {name} [OPTIONS] COMMAND [ARGS]...")


@pytest.mark.parametrize("module", ["migrations", "syncer"])
def test_a_misspelt_variable_is_named(module: str) -> None:
    environ = {**os.environ, "FILES_METADTA_URL": "redis://x"}
    done = run_command([sys.executable, "-m", module, "nothing"], environ=environ)
    assert done.returncode == 2
    assert done.stderr.startswith("FILES_METADTA_URL has no effect: did you mean FILES_METADATA_URL?\n")
