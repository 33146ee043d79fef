"""The bytes that an owner's files take: each chunk once, as if all lists of chunks were read at that moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.domain.uploads import owner_segment
from files_service.services.analytics import stored
from files_service.services.analytics.counting import files_of
from files_service.services.uploads.finish import complete
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.session import Beginning, UploadSession, begin
from files_service.services.uploads.writer import Engine, Stream
from files_service.worker.analytics import Analytics
from files_service.worker.stored_bytes import StoredBytes
from storage_adapters import StorageUnavailable, SupportsDocuments
from tests.clocks import Clock
from tests.cores import call, meanwhile, memory_core, sqlite_core

CHUNK = 1_024


@pytest.fixture(params=[memory_core, sqlite_core])
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    """A core with small chunks, whose time passes when a test says so."""
    opened = request.param(tmp_path, chunk_bytes=CHUNK)
    clock = Clock()
    yield replace(opened, clock=clock, timer=clock)
    opened.close()


def sent(core: Core, *letters: str, owner: str = "ann") -> str:
    """A file of chunks, one of each letter; returns its id."""
    data = b"".join(letter.encode() * CHUNK for letter in letters)
    with closing(Engine(core, uploads_of(core))) as engine:
        stream = Stream(engine, begin(core, Beginning(owner=owner, size=len(data))), 0)
        stream.write(data)
        done = complete(core, UploadSession(stream.finish()))
    assert done is not None
    return done.record.file_id


def mark(core: Core) -> None:
    """Let the worker see what changed."""
    worker = Analytics(core, holder="analytics")
    for _ in range(4):
        worker.step()
    worker.give_up()


def count(core: Core) -> int:
    """Let the worker count who is due; returns how many were."""
    clock = core.clock
    assert isinstance(clock, Clock)
    clock.pass_seconds(60)
    worker = StoredBytes(core, holder="stored")
    for _ in range(4):
        worker.step()
    worker.give_up()
    return worker.counted


def reported(core: Core, owner: str = "ann") -> Any:
    found = call(core, "files.report", owner=owner)["stored"]
    return found and (found["bytes"], found["saved_bytes"])


def test_a_chunk_counts_once_per_owner(core: Core) -> None:
    assert reported(core) is None
    sent(core, "a", "b", "a")
    second = sent(core, "a", "c")
    sent(core, "a", owner="bob")
    mark(core)
    assert count(core) == 2
    assert reported(core) == (3 * CHUNK, 2 * CHUNK)
    assert reported(core, "bob") == (CHUNK, 0)
    call(core, "files.remove", file_id=second)
    mark(core)
    assert count(core) == 1
    assert reported(core) == (2 * CHUNK, CHUNK)
    assert count(core) == 0, "nothing has changed"


def test_blobs_count_whole_and_what_has_not_arrived_does_not(core: Core) -> None:
    call(core, "files.upload", owner="ann", name="a", parts=[{"size": 9_999}])
    begin(core, Beginning(owner="ann", size=5_000))
    mark(core)
    count(core)
    assert reported(core) == (0, 0)


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_copies_that_cannot_be_held_at_once_are_counted_in_rounds(
    core: Core, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(stored, "MOST_HELD", most)
    sent(core, "a", "b", "c", "d", "e", "f", "a")
    mark(core)
    count(core)
    assert reported(core) == (6 * CHUNK, CHUNK)


def test_a_change_during_a_count_makes_it_due_again(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    sent(core, "a")
    mark(core)

    def act() -> None:
        sent(core, "b")
        mark(core)

    with monkeypatch.context() as patch:
        meanwhile(patch, core.metadata, "find", act, after=3)
        count(core)
    assert count(core) == 1
    assert reported(core) == (2 * CHUNK, 0)


def test_a_count_that_is_broken_off_is_due_still(core: Core) -> None:
    sent(core, "a")
    mark(core)
    with pytest.raises(stored.Stopped):
        stored.count_stored(core, owner_segment("ann"), lambda: False)
    assert reported(core) is None
    assert count(core) == 1


def test_an_owner_who_changes_all_the_time_is_counted_now_and_then(core: Core) -> None:
    sent(core, "a")
    mark(core)
    assert count(core) == 1
    sent(core, "b")
    mark(core)
    found = stored.due_count(core)
    assert found is not None
    assert found[1] >= core.clock() + stored.PAUSE_MS - 1
    assert StoredBytes(core, holder="stored").step() > 0
    assert reported(core) == (CHUNK, 0)
    assert isinstance(core.metadata, SupportsDocuments)
    assert count(core) == 1
    assert reported(core) == (2 * CHUNK, 0)


def test_a_count_by_a_clock_that_was_ahead_puts_off_no_other(core: Core) -> None:
    clock = core.clock
    assert isinstance(clock, Clock)
    sent(core, "a")
    mark(core)
    clock.pass_seconds(10**8)
    assert count(core) == 1
    clock.pass_seconds(-(10**8))
    sent(core, "b")
    mark(core)
    assert count(core) == 1
    assert reported(core) == (2 * CHUNK, 0)


def test_a_count_that_fails_keeps_no_other_back(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    for owner in ("ann", "bob"):
        sent(core, "a", owner=owner)
    mark(core)
    core.clock.pass_seconds(60)  # type: ignore[attr-defined]
    worker = StoredBytes(core, holder="stored")
    found = stored.due_count(core)
    assert found is not None
    first, second = sorted(("ann", "bob"), key=lambda owner: owner_segment(owner) != found[0])

    def fail(core: Core, owner: str) -> Any:
        if owner == first:
            raise StorageUnavailable("a record cannot be read")
        return files_of(core, owner)

    with monkeypatch.context() as patch:
        patch.setattr(stored, "files_of", fail)
        with pytest.raises(StorageUnavailable):
            worker.step()
        worker.step()
    assert (reported(core, first), reported(core, second)) == (None, (CHUNK, 0))
    worker.give_up()
    assert count(core) == 1
    assert reported(core, first) == (CHUNK, 0)
