"""Many uploads at once: they hold as many buffers as are being filled, and those on their way to the disk."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from files_service.services.uploads import writer as streams
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, begin
from files_service.services.uploads.writer import IN_FLIGHT_OF_ONE, Engine, Stream
from tests.cores import sqlite_core
from tests.waiting import PATIENCE_SECONDS

KIB = 1024
CHUNK = 256 * KIB
SENDERS = 8
ROUNDS = IN_FLIGHT_OF_ONE
SPARE = streams._SPARE


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with closing(sqlite_core(tmp_path, chunk_bytes=CHUNK)) as core, closing(Engine(core, uploads_of(core))) as engine:
        yield engine


def live_buffers() -> int:
    """How many buffers for chunks there are in this process."""
    only = tracemalloc.Filter(inclusive=True, filename_pattern=streams.__file__)
    traces = tracemalloc.take_snapshot().filter_traces([only]).traces
    return sum(trace.size >= CHUNK for trace in traces)


def wait_for_buffers(most: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := live_buffers()) > most:
        assert time.monotonic() < deadline, f"{found} buffers"
        time.sleep(0.01)


def test_what_was_stored_is_held_no_longer(engine: Engine) -> None:
    size = ROUNDS * CHUNK
    uploads = [begin(engine.core, Beginning(owner="ann", size=size)) for _ in range(SENDERS)]
    senders = [Stream(engine, upload, 0) for upload in uploads]
    tracemalloc.start()
    try:
        for _ in range(ROUNDS):
            # All have one that is being filled before the first is handed over.
            for half in range(2):
                for sender in senders:
                    sender.write(bytes(CHUNK // 2))
                assert half or live_buffers() == SENDERS
            wait_for_buffers(SPARE)
    finally:
        tracemalloc.stop()
    assert all(sender.finish().contiguous == size for sender in senders)
