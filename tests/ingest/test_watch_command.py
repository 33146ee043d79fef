"""``files watch`` as a process: permission by another command, JSON, configuration, and a graceful stop."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from files_service.cli import cli
from files_service.gateway.auth.bearer import make_token
from files_service.ingest.alone import alone
from tests.cores import SECRETS
from tests.gateway.serving import Served
from tests.ingest.bringing import OWNER, received_bytes
from tests.ingest.cards import GOPRO, can_mount
from tests.ingest.slots import Slot, slot
from tests.servers.commands import run_command
from tests.waiting import PATIENCE_SECONDS, wait_until

# Variables that this process may have and a user has not.
ABSENT = ("FILES_TOKEN", "XDG_CONFIG_HOME")
FILES = (sys.executable, "-m", "files_service.cli", "watch")


@pytest.fixture
def environ(served: Served, tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has a configuration and a token file."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FILES_")}
    home = tmp_path / "home"
    folder = home / ".config" / "files"
    folder.mkdir(parents=True)
    token = folder / "token"
    token.write_text(make_token(OWNER, SECRETS["FILES_JWT_SECRET"], 86_400))
    token.chmod(0o600)
    where = "places" if can_mount() else "folders"
    path = tmp_path if can_mount() else tmp_path / "CARD"
    (folder / "watch.toml").write_text(f'url = "http://127.0.0.1:{served.port}"\n{where} = ["{path}"]\n')
    kept.pop("XDG_CONFIG_HOME", None)
    return {**kept, "HOME": str(home), "XDG_STATE_HOME": str(tmp_path / "state"), "FILES_DATA_DIR": str(tmp_path / "d")}


class Process:
    """A running watcher."""

    def __init__(self, running: subprocess.Popen[bytes], output: Path) -> None:
        self.running, self._output = running, output

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events so far; the last line may be on its way."""
        *lines, _ = self._output.read_text().split("\n")
        return [json.loads(line) for line in lines]

    def wait(self, kind: str) -> dict[str, Any]:
        """Return the first event of a kind."""

        def found() -> list[dict[str, Any]]:
            return [event for event in self.events if event["event"] == kind]

        wait_until(lambda: found() != [], seconds=PATIENCE_SECONDS, otherwise=f"{kind}: {self._output.read_text()}")
        return found()[0]


@contextmanager
def running(tmp_path: Path, environ: dict[str, str]) -> Iterator[Process]:
    """Run the watcher; stop it as a service manager does."""
    output = tmp_path / "log-of-events"
    with (
        output.open("wb") as out,
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([*FILES, "--json"], env=environ, cwd=tmp_path, stdout=out, stderr=log) as process,
    ):
        try:
            yield Process(process, output)
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_SECONDS) == 0, (tmp_path / "log").read_text()
        finally:
            process.kill()


def command(environ: dict[str, str], *words: str, status: int = 0) -> str:
    """Run one of the short commands, in this process."""
    done = CliRunner().invoke(cli, ["watch", *words], env={**dict.fromkeys(ABSENT), **environ})
    assert done.exit_code == status, done.output
    return done.output


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Slot]:
    with slot(tmp_path, GOPRO) as made:
        yield made


def test_a_card_is_taken_once_another_command_allows_it(
    served: Served, tmp_path: Path, environ: dict[str, str], card: Slot
) -> None:
    with running(tmp_path, environ) as process:
        process.wait("ready")
        card.insert()
        unknown = process.wait("card_unknown")
        assert (unknown["camera"], unknown["root"]) == ("GoPro HERO9 Black", str(card.root))
        assert received_bytes(served) == 0
        [listed] = command(environ, "cards").splitlines()
        assert listed.split()[:2] == [unknown["card_id"], "unknown"]
        [as_json] = command(environ, "cards", "--json").splitlines()
        assert json.loads(as_json)["serial"] == "C3441325000001"
        assert "no card" not in command(environ, "allow", "nothing", status=1)
        assert command(environ, "allow", unknown["card_id"][:6]).startswith("allowed: ")
        assert process.wait("card_ended")["text"].startswith("CARD")
        files = [event for event in process.events if event["event"] == "file"]
        assert {event["path"] for event in files} == GOPRO.keys() - {"Get_started_with_GoPro.url"}
        assert {event["card_id"] for event in files} == {unknown["card_id"]}
        assert command(environ, "ignore", unknown["card_id"]).startswith("ignored: ")
        card.pull()
        process.wait("card_removed")


def test_a_card_that_another_run_takes_is_taken_when_that_has_ended(
    served: Served, tmp_path: Path, environ: dict[str, str], card: Slot
) -> None:
    with running(tmp_path, environ) as process:
        card.insert()
        card_id = process.wait("card_unknown")["card_id"]
        with alone(tmp_path / "state" / "files", f"http://127.0.0.1:{served.port}", card_id) as has_card:
            assert has_card
            command(environ, "allow", card_id)
            assert "another run" in process.wait("card_ended")["text"]
        wait_until(
            lambda: any(": complete: " in event["text"] for event in process.events if event["event"] == "card_ended"),
            seconds=PATIENCE_SECONDS,
            otherwise="the card was left alone",
        )


def test_a_card_is_taken_also_when_the_reader_of_the_events_has_gone(
    served: Served, tmp_path: Path, environ: dict[str, str], card: Slot
) -> None:
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([*FILES, "--json"], env=environ, cwd=tmp_path, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline()) == {"event": "ready"}
            process.stdout.close()
            card.insert()
            wait_until(lambda: command(environ, "cards") != "", seconds=PATIENCE_SECONDS)
            command(environ, "allow", command(environ, "cards").split()[0])
            sent = sum(len(content) for name, content in GOPRO.items() if name != "Get_started_with_GoPro.url")
            wait_until(lambda: received_bytes(served) == sent, seconds=PATIENCE_SECONDS)
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()


def test_a_person_at_a_terminal_answers(served: Served, tmp_path: Path, environ: dict[str, str], card: Slot) -> None:
    mine, theirs = pty.openpty()
    seen = b""

    def read_until(text: bytes) -> None:
        nonlocal seen
        while text not in seen:
            assert select.select([mine], [], [], PATIENCE_SECONDS)[0], seen
            seen += os.read(mine, 65_536)

    card.insert()
    env = {**environ, "TERM": "xterm"}
    with subprocess.Popen(FILES, env=env, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        try:
            read_until(b"ignore (i)")
            assert received_bytes(served) == 0
            os.write(mine, b"what?\no\n")
            read_until(b"complete: ")
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_SECONDS) == 0
        finally:
            process.kill()
            os.close(mine)
            os.close(theirs)
    assert received_bytes(served) > 0
    assert "unknown" in command(environ, "cards")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("verify_ = 'card'", "verify_ is no key: did you mean verify?"),
        ("url = 'x'", "url: must be"),
        ("=", "is not TOML"),
    ],
)
def test_a_fault_of_the_configuration_ends_the_command(
    tmp_path: Path, environ: dict[str, str], text: str, fault: str
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    assert fault in command(environ, "--config", str(own), status=1)


def test_without_a_token_the_command_says_where_one_goes(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "home" / ".config" / "files" / "token").unlink()
    assert "FILES_TOKEN" in command(environ, "cards", status=1)


def test_a_token_that_the_service_refuses_and_a_service_that_is_away_are_told(
    served: Served, tmp_path: Path, environ: dict[str, str]
) -> None:
    assert "unauthorized" in command({**environ, "FILES_TOKEN": "wrong"}, "cards", status=1)
    served.stop()
    assert "no gateway answers" in command(environ, "cards", status=1)


BLOCKED = """
import sys
EXTRAS = ("redis", "couchdb", "google.cloud", "av", "PIL", "pillow_heif", "aio_pika", "apprise", "nameko", "eventlet")
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(EXTRAS):
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Absent())
from files_service.cli import main
sys.argv = ["files", "watch", "cards"]
main()
"""


def test_the_command_needs_no_extra_of_the_servers(tmp_path: Path, environ: dict[str, str]) -> None:
    done = run_command([sys.executable, "-c", BLOCKED], environ=environ, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
