"""What a backfill shows of its progress: a bar with rate and time left at a terminal, nothing in a pipe."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from dataclasses import replace

import pytest

from storage_adapters import FileRecord, SupportsDesigns
from syncer.pair import Pair, replica
from tests.contract.metadata_scenes import add, save
from tests.secrets_in_logs import WATCH
from tests.syncer.pairs import numbered
from tests.syncer.processes import lines_of, run_syncer

FILES = 1_200
# Batches with pauses between them, in which the bar is drawn.
RATE = ("--rate", "1000")
EVENTS = ["the backfill begins", "the backfill is complete"]
BAR = re.compile(r"backfill \S+ +(\d+)/(\d+) +([\d,]+) files/s +(\d+:\d\d:\d\d|-:--:--)")
_ROWS, _COLUMNS = 24, 100
_ERASE = "\x1b[2K"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture
def arguments(pair: Pair, urls: tuple[str, str]) -> list[str]:
    """The command line of a backfill that has something to do."""
    copies: list[FileRecord] = [replace(record, revision=2) for record in numbered(FILES)]
    replica(pair.source).replicate(copies)
    save(pair.source, copies[0])
    return ["backfill", "--source", urls[0], "--target", urls[1]]


def run_at_terminal(*arguments: str) -> tuple[str, str]:
    """Run a command whose standard error is a terminal; returns what it printed, and what that terminal was sent."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    sent = bytearray()

    def read() -> None:
        # A terminal whose other side is closed answers with an error.
        with contextlib.suppress(OSError):
            while piece := os.read(ours, 4_096):
                sent.extend(piece)

    environ = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "syncer", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**environ, "TERM": "xterm-256color"},
    )
    os.close(theirs)
    reader = threading.Thread(target=read)
    reader.start()
    try:
        printed, _ = process.communicate(timeout=300)
    finally:
        process.kill()
        reader.join()
        os.close(ours)
    assert process.returncode == 0, sent.decode()
    WATCH.look_at(sent.decode() + printed.decode())
    return printed.decode(), sent.decode()


def bars_of(sent: str) -> list[tuple[int, int, int, str]]:
    """Every state of the bar: files copied, files in all, files a second, time left."""
    found = BAR.findall(_CONTROL.sub("", sent))
    return [(int(copied), int(total), int(rate.replace(",", "")), left) for copied, total, rate, left in found]


def screen_of(sent: str) -> list[str]:
    """The lines that are left in the end: what was erased is not there any more."""
    return [_CONTROL.sub("", line.rpartition(_ERASE)[2]).strip("\r") for line in sent.split("\n")]


@pytest.mark.parametrize("urls", ["redis sqlite"], indirect=True)
def test_a_terminal_shows_how_far_a_backfill_is_its_rate_and_the_time_left(arguments: list[str]) -> None:
    printed, sent = run_at_terminal(*arguments, *RATE)
    assert printed == f"copied {FILES} files\n"
    bars = bars_of(sent)
    halfway = [bar for bar in bars if 0 < bar[0] < FILES]
    assert halfway, sent
    assert any(rate > 0 and ":" in left and left[0].isdigit() for _, _, rate, left in halfway), bars
    assert [copied for copied, *_ in bars] == sorted(copied for copied, *_ in bars)
    assert bars[-1][:2] == (FILES, FILES)
    assert bars[-1][3] == "0:00:00"
    # What is left on the screen: the log, then the bar. Neither is written into the other.
    *log, bar, rest = screen_of(sent)
    assert re.findall(r"\d\d:\d\d:\d\d INFO +(.+?) +target=", " ".join(log)) == EVENTS
    assert bars_of(bar)[0][:2] == (FILES, FILES)
    assert rest == ""
    # The cursor, which a bar hides, is there again.
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("urls", ["sqlite couchdb"], indirect=True)
def test_a_terminal_shows_that_the_indexes_of_a_couchdb_are_built(pair: Pair, urls: tuple[str, str]) -> None:
    add(pair.source, *numbered(20))
    printed, sent = run_at_terminal("backfill", "--source", urls[0], "--target", urls[1])
    assert printed == "copied 20 files\n"
    *_, backfill, indexes, rest = screen_of(sent)
    assert bars_of(backfill)[0][:2] == (20, 20)
    assert isinstance(pair.target, SupportsDesigns)
    count = len(pair.target.designs()[1])
    assert re.fullmatch(rf"indexes \S+ +{count}/{count} +\d:\d\d:\d\d *", indexes), sent
    assert rest == ""


@pytest.mark.parametrize("urls", ["redis sqlite"], indirect=True)
def test_a_pipe_gets_the_log_alone(arguments: list[str]) -> None:
    result = run_syncer(*arguments)
    assert result.returncode == 0
    assert result.stdout == f"copied {FILES} files\n"
    assert "\x1b" not in result.stderr
    assert [line["event"] for line in lines_of(result.stderr)] == EVENTS
    assert len(result.stderr.splitlines()) == len(EVENTS)
