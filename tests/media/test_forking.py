"""The process from which that of each file is forked: it serves many, ends with the service, and can die."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from files_service.services.media import extractor
from files_service.services.media.extractor import extract
from files_service.services.media.forking import Forks
from tests.cores import memory_core, processed_file
from tests.media import samples
from tests.servers.zygote import Started
from tests.waiting import PATIENCE_SECONDS, wait_until

# Says the id of the template, then waits with a forked process.
HOLDS = """
import os, sys
from pathlib import Path
from files_service.services.media.forking import Forks
with Forks().process() as (incoming, outgoing):
    template = Path(f"/proc/self/task/{os.getpid()}/children").read_text().strip()
    print(template, Path(f"/proc/{template}/task/{template}/children").read_text().strip(), flush=True)
    sys.stdin.read()
"""
QUICKLY_IDLE = """
from files_service.services.media.extraction import __main__ as template
template.IDLE_SECONDS = 0.01
template.main()
"""

STARTS_ANOTHER = """
import os, time
from files_service.services.media.extraction import __main__ as template
from files_service.services.media.extraction.channel import END, Channel
def extract(incoming, outgoing):
    channel = Channel(incoming, outgoing)
    channel.job()
    another = os.fork()
    if another == 0:
        os.setsid()
        time.sleep(600)
        os._exit(0)
    channel.facts({"width": another})
    channel.tell(END)
    os._exit(0)
template.extract = extract
template.main()
"""


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forks]:
    with closing(Forks()) as forks:
        monkeypatch.setattr(extractor, "FORKS", forks)
        yield forks


def children_of(process: int) -> list[int]:
    return [int(each) for path in Path(f"/proc/{process}/task").glob("*/children") for each in path.read_text().split()]


def is_gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def template_of(forks: Forks) -> int:
    """The only new child of this process that runs while a fork is there."""
    before = set(children_of(os.getpid()))
    with forks.process():
        [found] = set(children_of(os.getpid())) - before
    return found


def test_files_take_processes_of_one_template(forks: Forks) -> None:
    template = template_of(forks)
    seen: list[int] = []
    data = samples.jpeg()

    def read(source: int, offset: int, length: int) -> bytes:
        seen.extend(children_of(template))
        return data[offset : offset + length]

    for _ in range(2):
        assert extract("picture", [len(data)], read).fault is None
    assert len(set(seen)) == 2
    assert children_of(template) == []


def test_pipes_are_closed_when_there_are_descriptors_for_one_alone(
    forks: Forks, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    closed: list[int] = []
    pipe, close = os.pipe, os.close

    def fail_second() -> tuple[int, int]:
        if opened:
            raise OSError(errno.EMFILE, "no descriptor is free")
        opened.extend(pipe())
        return opened[0], opened[1]

    def note(descriptor: int) -> None:
        closed.append(descriptor)
        close(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pipe", fail_second)
        patch.setattr(os, "close", note)
        with pytest.raises(OSError, match="no descriptor is free"), forks.process():
            pass
    assert opened
    assert {*opened} <= {*closed}


def test_a_template_that_dies_takes_one_file_with_it_and_is_started_again(forks: Forks) -> None:
    template = template_of(forks)
    data = samples.jpeg()

    def read(source: int, offset: int, length: int) -> bytes:
        if not is_gone(template):
            os.kill(template, signal.SIGKILL)
            wait_until(lambda: is_gone(template), seconds=PATIENCE_SECONDS)
        return data[offset : offset + length]

    assert extract("picture", [len(data)], read).fault == "the subprocess ended early"
    assert extract("picture", [len(data)], read).fault is None


@pytest.mark.parametrize("command", [["/nowhere"], [sys.executable, "-c", "raise SystemExit(1)"]])
def test_a_file_is_processed_without_previews_where_no_process_can_be_started(
    forks: Forks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]
) -> None:
    monkeypatch.setattr("files_service.services.media.forking._COMMAND", command)
    assert "no process can be started" in (extract("none", (), lambda *_: None).fault or "")
    data = samples.jpeg()
    with closing(memory_core(tmp_path, media=True)) as core:
        record = processed_file(core, data, parts=[{"size": len(data), "content_type": "image/jpeg"}])
    assert (record["status"], record["error"]) == ("processed", None)


def test_what_a_hostile_file_starts_ends_with_its_process(forks: Forks, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("files_service.services.media.forking._COMMAND", [sys.executable, "-I", "-c", STARTS_ANOTHER])
        found = extract("none", (), lambda *_: None)
    assert (found.fault, is_gone(found.facts["width"])) == (None, True)


def test_all_processes_end_with_a_service_that_is_killed() -> None:
    with Started([sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        processes = [int(each) for each in service.stdout.readline().split()]
        service.kill()
    assert len(processes) == 2
    wait_until(lambda: all(map(is_gone, processes)), seconds=PATIENCE_SECONDS)


def test_a_template_without_work_ends(forks: Forks, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("files_service.services.media.forking._COMMAND", [sys.executable, "-I", "-c", QUICKLY_IDLE])
        template = template_of(forks)
    # Not even its entry in the list of processes is left.
    wait_until(lambda: not Path(f"/proc/{template}").exists(), seconds=PATIENCE_SECONDS)
    data = samples.jpeg()
    found = extract("picture", [len(data)], lambda _source, offset, length: data[offset : offset + length])
    assert found.fault is None
