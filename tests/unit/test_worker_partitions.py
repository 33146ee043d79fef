"""Partitions of the change feed whose worker died with its clock ahead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.worker.partitions import LEASE_SECONDS, LOOK_MS, PARTITIONS, Partitions
from tests.clocks import Clock
from tests.cores import memory_core, sqlite_core

HOUR = 3_600


@pytest.fixture(params=[memory_core, sqlite_core])
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    opened = request.param(tmp_path)
    yield opened
    opened.close()


def partitions(core: Core, clock: Clock, holder: str) -> Partitions:
    return Partitions(replace(core, clock=clock, timer=clock), "relay", holder=holder, first_lease="relay")


@pytest.mark.parametrize("ahead", [1, HOUR])
def test_a_worker_that_died_with_its_clock_ahead_is_replaced_after_one_lease(core: Core, ahead: int) -> None:
    clock = Clock()
    assert len(partitions(core, Clock(clock.now + 1_000 * ahead), "dead").held()) == PARTITIONS
    two = partitions(core, clock, "two")
    assert two.held() == frozenset()
    clock.pass_seconds(LEASE_SECONDS - 1)
    assert two.held() == frozenset(), "nothing is taken before"
    clock.pass_seconds(1)
    assert len(two.held()) == PARTITIONS


def test_a_worker_that_lives_keeps_what_others_ask_for(core: Core) -> None:
    clock = Clock()
    one, two = partitions(core, clock, "one"), partitions(core, clock, "two")
    # Its clock was ahead when it took the partitions, and is right again.
    clock.pass_seconds(HOUR)
    one.held()
    clock.pass_seconds(-HOUR)
    for _ in range(3 * LEASE_SECONDS):
        clock.pass_seconds(LOOK_MS / 1_000)
        mine, others = one.held(), two.held()
        assert not mine & others
    assert (len(one.held()), len(two.held())) == (PARTITIONS / 2, PARTITIONS / 2)
