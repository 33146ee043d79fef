"""Child processes: started again, told apart from finished ones, and never left behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from files_service.cli import children
from files_service.cli.children import ChildProcess
from files_service.messaging.readiness import NotReady
from tests.servers.commands import run_command
from tests.waiting import wait_until

WAIT_SECONDS = 300
eventually = partial(wait_until, seconds=WAIT_SECONDS)


def is_ready(child: ChildProcess) -> bool:
    try:
        child.check()
    except NotReady:
        return False
    return True


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


@pytest.fixture
def child(tmp_path: Path, notes: Path) -> Iterator[ChildProcess]:
    """A child that notes its id and what it was given, then waits."""
    (tmp_path / "waiting.py").write_text(
        textwrap.dedent(
            """
            import os, signal, sys
            with open(os.environ["NOTES"], "a") as notes:
                print(os.getpid(), sys.argv[1], os.environ["SECRET"], file=notes)
            signal.pause()
            """
        )
    )
    environ = {"NOTES": str(notes), "SECRET": "s3cret", "PYTHONPATH": str(tmp_path)}
    child = ChildProcess("waiting", "waiting", "run", environ=environ)
    yield child
    child.stop(10)


def noted(notes: Path) -> list[list[str]]:
    return [line.split() for line in notes.read_text().splitlines()] if notes.exists() else []


def test_a_child_is_started_again_and_stops_when_it_is_told_to(child: ChildProcess, notes: Path) -> None:
    assert not is_ready(child)
    child.start()
    eventually(lambda: len(noted(notes)) == 1)
    assert is_ready(child)
    os.kill(int(noted(notes)[0][0]), signal.SIGKILL)
    eventually(lambda: not is_ready(child) or len(noted(notes)) == 2)
    eventually(lambda: len(noted(notes)) == 2 and is_ready(child))
    child.begin_to_stop()
    child.stop(WAIT_SECONDS)
    assert not is_ready(child)
    assert not any(alive(int(pid)) for pid, _, _ in noted(notes))
    assert len(noted(notes)) == 2


def test_a_child_that_could_not_be_started_is_started_later(
    child: ChildProcess, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [OSError(errno.EAGAIN, "no process is free"), OSError(errno.EMFILE, "no descriptor is free")]
    start = subprocess.Popen

    def fail(*args: Any, **named: Any) -> Any:
        if failures:
            raise failures.pop()
        return start(*args, **named)

    monkeypatch.setattr(children, "subprocess", SimpleNamespace(Popen=fail))
    child.start()
    eventually(lambda: len(noted(notes)) == 1 and is_ready(child))
    assert not failures


def test_a_child_is_given_arguments_openly_and_secrets_by_the_environment(child: ChildProcess, notes: Path) -> None:
    child.start()
    eventually(lambda: len(noted(notes)) == 1)
    [[pid, argument, secret]] = noted(notes)
    assert (argument, secret) == ("run", "s3cret")
    assert b"s3cret" not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_child_that_does_not_listen_is_ended_by_force(child: ChildProcess, notes: Path) -> None:
    child.start()
    eventually(lambda: len(noted(notes)) == 1)
    pid = int(noted(notes)[0][0])
    os.kill(pid, signal.SIGSTOP)
    child.begin_to_stop()
    child.stop(0)
    assert not alive(pid)


def test_a_child_ends_with_the_process_that_started_it(tmp_path: Path, notes: Path, child: ChildProcess) -> None:
    script = "from files_service.cli.children import ChildProcess as C; import signal\n"
    script += "C('waiting', 'waiting', 'run').start(); signal.pause()"
    environ = {**os.environ, "NOTES": str(notes), "SECRET": "s", "PYTHONPATH": f"{tmp_path}:{Path.cwd()}"}
    parent = subprocess.Popen([sys.executable, "-c", script], env=environ)
    eventually(lambda: len(noted(notes)) == 1)
    pid = int(noted(notes)[0][0])
    parent.kill()
    parent.wait()
    eventually(lambda: not alive(pid))


def test_nothing_is_started_for_a_process_that_is_gone() -> None:
    command = [sys.executable, "-m", "files_service.runtime.child", "-1", "this"]
    done = run_command(command, seconds=WAIT_SECONDS)
    assert done.returncode == 1
    assert done.stderr.startswith("the parent process has exited")
