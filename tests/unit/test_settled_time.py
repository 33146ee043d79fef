"""Time of deletion for ever: a clock that was set ahead deletes nothing early, whoever has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.domain.settled_time import MARGIN_MS, SettledTime, look
from files_service.services.accounts import documents
from files_service.services.settled_time import settled_now
from files_service.worker.sweeper import Sweeper
from storage_adapters import RecordDeleted
from tests.clocks import Clock
from tests.cores import call, memory_core, pending_file, processed_file
from tests.unit.versions.scenes import new_version

HOUR, DAY = 3_600, 86_400
MONTH = 31 * DAY


@dataclass
class Machine:
    """A machine with a wall clock that may be set, and one that nobody sets."""

    core: Core
    wall: Clock
    timer: Clock
    sweeper: Sweeper

    def pass_seconds(self, seconds: float, *, every: float = 600) -> None:
        """Let time pass, in which the sweeper runs."""
        for _ in range(int(seconds / every)):
            self.wall.pass_seconds(every)
            self.timer.pass_seconds(every)
            assert self.sweeper.sweep()

    def stop(self) -> None:
        self.sweeper.give_up()


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    opened = memory_core(tmp_path, kept_versions=1, kept_versions_days=7)
    yield opened
    opened.close()


def machine(core: Core, ahead: float = 0, wall: Clock | None = None) -> Machine:
    clock, timer = Clock(), Clock(7_000)
    clock.now = (wall or clock).now + int(ahead * 1_000)
    own = replace(core, clock=clock, timer=timer)
    return Machine(own, clock, timer, Sweeper(own, holder=f"worker {ahead}"))


def is_there(core: Core, file_id: str) -> bool:
    try:
        core.metadata.get(file_id)
    except RecordDeleted:
        return False
    return True


def trashed(core: Core) -> Callable[[], bool]:
    file_id = processed_file(core)["file_id"]
    call(core, "files.trash", file_id=file_id)
    return lambda: is_there(core, file_id)


def temporary(core: Core) -> Callable[[], bool]:
    file_id = processed_file(core, temporary=True, ttl_seconds=10 * DAY)["file_id"]
    return lambda: is_there(core, file_id)


def unfinished(core: Core) -> Callable[[], bool]:
    file_id = pending_file(core, expires_seconds=5 * DAY)["file_id"]
    return lambda: is_there(core, file_id)


def former_version(core: Core) -> Callable[[], bool]:
    file_id = processed_file(core)["file_id"]
    new_version(core, file_id, b"second")
    new_version(core, file_id, b"third")
    return lambda: len(core.metadata.get(file_id).versions) == 2


def document(core: Core) -> Callable[[], bool]:
    made = documents.new_document("things", "a", {}, expires_at=core.clock() + 9 * DAY * 1_000)
    documents.put(core, made)
    return lambda: documents.find(replace(core, clock=Clock()), "things", "a") is not None


def deleted_account(core: Core) -> Callable[[], bool]:
    call(core, "accounts.create", name="root", role="operator")
    call(core, "accounts.create", name="bob")
    file_id = processed_file(core, owner="bob")["file_id"]
    call(core, "accounts.delete", owner="bob")
    return lambda: is_there(core, file_id)


KINDS = [trashed, temporary, unfinished, former_version, document, deleted_account]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_clock_that_is_set_ahead_and_right_again_within_a_day_deletes_nothing(
    core: Core, kind: Callable[[Core], Callable[[], bool]]
) -> None:
    here = machine(core)
    is_kept = kind(here.core)
    here.pass_seconds(HOUR)
    here.wall.pass_seconds(MONTH)
    here.pass_seconds(20 * HOUR)
    assert is_kept()
    here.wall.pass_seconds(-MONTH)
    here.pass_seconds(3 * DAY, every=HOUR)
    assert is_kept()
    here.pass_seconds(MONTH, every=HOUR)
    assert not is_kept()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_another_machine_whose_clock_is_ahead_deletes_nothing(
    core: Core, kind: Callable[[Core], Callable[[], bool]]
) -> None:
    here = machine(core)
    is_kept = kind(here.core)
    here.pass_seconds(HOUR)
    here.stop()
    wrong = machine(core, ahead=MONTH)
    wrong.pass_seconds(10 * HOUR)
    call(wrong.core, "files.sync")
    wrong.stop()
    assert is_kept()
    # The right one goes on, and purges once it has run for a day.
    here = machine(core, ahead=11 * HOUR)
    here.pass_seconds(2 * DAY, every=HOUR)
    assert is_kept()
    here.pass_seconds(MONTH, every=HOUR)
    assert not is_kept()


def test_an_outage_delays_deletion_by_a_day_and_no_longer(core: Core) -> None:
    here = machine(core)
    is_kept = trashed(here.core)
    here.pass_seconds(HOUR)
    here.stop()
    later = machine(core, ahead=MONTH)
    later.pass_seconds(23 * HOUR)
    assert is_kept()
    later.pass_seconds(2 * HOUR)
    assert not is_kept()


def test_a_restart_delays_nothing(core: Core) -> None:
    here = machine(core)
    here.pass_seconds(HOUR)
    here.stop()
    again = machine(core, ahead=HOUR + 300)
    again.pass_seconds(600)
    assert settled_now(again.core) == again.wall()


def test_settled_time_never_runs_faster_than_time_passes_before_a_steady_day() -> None:
    seen = SettledTime(seen_at=0, settled_at=0, steady_ms=MARGIN_MS)
    jumped = look(seen, now=10 * MARGIN_MS, elapsed_ms=600_000, unseen_ms=0)
    assert (jumped.settled_at, jumped.steady_ms) == (600_000, 0)
    steady, passed = jumped, 600_000
    while steady.steady_ms < MARGIN_MS:
        assert steady.settled_at == passed
        steady = look(steady, now=steady.seen_at + 600_000, elapsed_ms=600_000, unseen_ms=0)
        passed += 600_000
    assert steady.settled_at == steady.seen_at
    # Suspended every night, a machine is late, and not for ever.
    for _ in range(10):
        steady = look(steady, now=steady.seen_at + MARGIN_MS // 2, elapsed_ms=1_000, unseen_ms=0)
        for _ in range(72):
            before = steady.settled_at
            steady = look(steady, now=steady.seen_at + 600_000, elapsed_ms=600_000, unseen_ms=0)
            assert steady.settled_at == before + 600_000
