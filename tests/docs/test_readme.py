"""The README's first screen does what it says: its blocks run, pasted one after the other beside a service."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from files_service.client import FilesClient
from tests.docs.pages import ROOT, blocks, read
from tests.secrets_in_logs import WATCH
from tests.servers.commands import run_command
from tests.servers.ports import free_ports
from tests.servers.rabbitmq import RabbitMQ

README = read("README.md")
DOCUMENTED = "127.0.0.1:8080"
BROKER = "amqp://guest:guest@127.0.0.1:5672/"
BASH = ["bash", "-euo", "pipefail", "-c"]
PYTHON = [".venv/bin/python", "-c"]
START_SECONDS = 300
MOST_PICTURE_BYTES = 60_000
BLOCK_SECONDS = 300


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A shell's environment in which the documented address is a free one, and .venv the one of this test run."""
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FILES_", "AMQP_"))}
    places = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    return {**kept, **places, "FILES_HTTP": f"127.0.0.1:{free_ports(1)[0]}"}


@contextmanager
def running(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """Start what ``make run`` starts, wait until it is ready, and stop it as a terminal does."""
    command = [".venv/bin/files", "up"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        assert process.stdout is not None
        watchdog = threading.Timer(START_SECONDS, process.kill)
        watchdog.start()
        lines = (line.decode().strip() for line in process.stdout)
        ready = next((line for line in lines if line.startswith("ready ")), "")
        watchdog.cancel()
        try:
            assert ready == f"ready http://{environment['FILES_HTTP']}", (folder / "log").read_text()
            yield
        finally:
            process.send_signal(signal.SIGINT)
            WATCH.look_at(process.stdout.read().decode())
    assert process.returncode == 0


def run(command: list[str], text: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a pasted block, at the address of the test, and return what it printed."""
    done = run_command(
        [*command, text.replace(DOCUMENTED, environment["FILES_HTTP"])],
        answers=True,
        environ=environment,
        folder=folder,
        seconds=BLOCK_SECONDS,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_blocks_run_when_pasted_into_a_second_shell(tmp_path: Path, environment: dict[str, str]) -> None:
    example, by_card, by_signed_url, by_curl = blocks(README, "bash")
    by_python, _ = blocks(README, "python")
    with running(tmp_path, environment):
        put, listed, *rest = run(BASH, example.text, tmp_path, environment).splitlines()
        assert json.loads(put) == json.loads(listed)
        assert (json.loads(put)["name"], json.loads(put)["status"]) == ("clip.bin", "processed")
        assert f"http://{environment['FILES_HTTP']}/download/" in json.loads(put)["link"]
        assert rest == ["copy.bin", "the same"]
        *_, counted, verdict = run(BASH, by_card.text, tmp_path, environment).splitlines()
        assert counted == "1 new, 0 known, 0 failed"
        assert verdict.startswith("COPIED, NOT VERIFIED: 1 file, ")
        assert "card read twice" in verdict
        assert run(BASH, by_signed_url.text, tmp_path, environment).splitlines()[-1] == "identical"
        assert json.loads(run(BASH, by_curl.text, tmp_path, environment))["result"]["total"] == 1
        line, missing = run(PYTHON, by_python.text, tmp_path, environment).splitlines()
        assert line == f"clip.bin {50 * 2**20} processed"
        assert missing.startswith("not_found ")


@pytest.mark.broker
def test_the_block_for_nameko_runs_beside_a_service_with_a_broker(tmp_path: Path, environment: dict[str, str]) -> None:
    _, by_nameko = blocks(README, "python")
    with RabbitMQ(tmp_path / "broker") as broker:
        environment["AMQP_URI"] = broker.uri
        with running(tmp_path, environment):
            with FilesClient(broker.uri, timeout=START_SECONDS) as files:
                files.count()
            assert BROKER in by_nameko.text
            text = by_nameko.text.replace(BROKER, broker.uri)
            counted, refused = run(PYTHON, text, tmp_path, environment).splitlines()
    assert "'total': 0" in counted
    assert "file_id" in refused


def test_make_run_is_what_the_test_starts() -> None:
    assert "$(BIN)/files up" in recipe("run")


def test_make_run_installs_no_test_tools() -> None:
    needs = recipe("run").partition("##")[0]
    assert ".runtime" in needs
    assert "install" not in needs
    assert "dev" not in recipe("$(VENV)/.runtime")


def recipe(target: str) -> str:
    """What the Makefile has under a target: what it needs, and the commands."""
    return re.split(r"\n(?=\S)", read("Makefile").partition(f"\n{target}: ")[2])[0]


def test_the_first_screen_has_the_commands_to_run_and_to_test() -> None:
    first_screen = README[: README.index("\n## ")]
    assert "$ make run" in first_screen
    assert f"sign in http://{DOCUMENTED}/sign-in#" in first_screen
    assert f"ready http://{DOCUMENTED}" in first_screen
    assert "`make test`" in first_screen


def test_the_first_screen_has_a_small_picture_of_the_page() -> None:
    [name] = re.findall(r"!\[[^\]]+\]\((\S+)\)", README[: README.index("\n## ")])
    picture = (ROOT / name).read_bytes()
    assert picture[:4] + picture[8:12] == b"RIFFWEBP"
    assert len(picture) < MOST_PICTURE_BYTES
