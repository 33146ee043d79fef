"""Calls of a sender, and verifications, that die at each of their store calls: nothing is counted wrong or left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.services.cards import entries as card_entries
from files_service.services.cards.entries import ADD_MS
from files_service.services.cards.verification import BEGIN_MS, due_verifications
from files_service.services.opening import open_lists
from files_service.worker.card_verifier import CardVerifier
from storage_adapters import JSON
from tests.clocks import Clock
from tests.cores import call, memory_core
from tests.unit.cards.scenes import begun, brought, copied, verified, worked
from tests.unit.killable import KillableStore, Killed

FIRST = [{"path": name, "size": 10, "mtime_at": 1, "status": "missing"} for name in "abc"]
SECOND = [
    {"path": "b", "size": 20, "mtime_at": 1, "status": "unreadable"},
    {"path": "d", "size": 40, "mtime_at": 1, "status": "missing"},
]
WANTED = {"missing": {"files": 3, "bytes": 60}, "unreadable": {"files": 1, "bytes": 20}}


def scene(tmp_path: Path) -> tuple[Core, KillableStore, Clock, str]:
    """A session with three entries."""
    base, store, clock = memory_core(tmp_path), KillableStore(), Clock()
    core = replace(base, metadata=store, lists=open_lists(base.settings, store), clock=clock)
    session_id: str = begun(core, 4, 80)["session_id"]
    call(core, "cards.add", session_id=session_id, files=FIRST)
    return core, store, clock, session_id


def add(core: Core, session_id: str) -> JSON:
    return call(core, "cards.add", session_id=session_id, files=SECOND)


def kills(tmp_path: Path) -> int:
    """How many points a call has at which it may die."""
    core, store, _, session_id = scene(tmp_path)
    store.left = 10_000
    add(core, session_id)
    return 10_000 - store.left


def killed(core: Core, store: KillableStore, session_id: str, point: int) -> None:
    store.left = point
    try:
        add(core, session_id)
    except Killed:
        store.left = -1
        return
    raise AssertionError(f"it was not killed at {point}")


def test_a_repeated_call_leaves_exact_counters(tmp_path: Path) -> None:
    points = kills(tmp_path)
    assert points > 10
    for point in range(1, points + 1):
        core, store, _, session_id = scene(tmp_path)
        killed(core, store, session_id, point)
        assert add(core, session_id)["counts"] == WANTED, point


def test_without_a_repetition_the_next_call_counts_anew(tmp_path: Path) -> None:
    for point in range(1, kills(tmp_path) + 1):
        core, store, clock, session_id = scene(tmp_path)
        killed(core, store, session_id, point)
        clock.pass_seconds(ADD_MS / 1_000)
        told = call(core, "cards.progress", session_id=session_id, state="uploaded")
        listed = call(core, "cards.files", session_id=session_id)["files"]
        assert sum(each["files"] for each in told["counts"].values()) == len(listed), point
        assert sum(each["bytes"] for each in told["counts"].values()) == sum(each["size"] for each in listed), point
        assert call(core, "cards.verify", session_id=session_id)["state"] == "verifying"
        assert worked(core, session_id)["state"] == "not_safe"


def test_a_call_that_was_taken_for_dead_is_counted(tmp_path: Path) -> None:
    """It stops for two minutes in the middle; meanwhile another one counts anew."""
    core, _, clock, session_id = scene(tmp_path)
    real = card_entries._write

    def late(*given: object) -> None:
        real(*given)  # type: ignore[arg-type]
        if clock.now < later:
            clock.now = later
            call(core, "cards.progress", session_id=session_id, bytes_done=1)

    later = clock.now + ADD_MS
    card_entries._write = late  # type: ignore[assignment]
    try:
        assert add(core, session_id)["counts"] == WANTED
    finally:
        card_entries._write = real


def test_a_verification_that_dies_anywhere_is_continued_to_its_verdict(tmp_path: Path) -> None:
    def sound() -> tuple[Core, KillableStore, Clock, str]:
        base, store, clock = memory_core(tmp_path), KillableStore(), Clock()
        core = replace(base, metadata=store, lists=open_lists(base.settings, store), clock=clock)
        entries = [brought(core, path) for path in ("DCIM/A.MP4", "DCIM/B.MP4")]
        return core, store, clock, copied(core, entries)["session_id"]

    core, store, clock, session_id = sound()
    store.left = 10_000
    verified(core, session_id)
    points = 10_000 - store.left
    assert points > 20
    for point in range(1, points + 1):
        core, store, clock, session_id = sound()
        store.left = point
        with pytest.raises(Killed):
            verified(core, session_id)
        store.left = -1
        # The lease of the dead worker is over.
        clock.pass_seconds(BEGIN_MS / 1_000)
        if call(core, "cards.session", session_id=session_id)["state"] == "uploaded":
            # The call had no answer: its client repeats it.
            call(core, "cards.verify", session_id=session_id)
        assert worked(core, session_id)["state"] == "copied_not_verified", point
        CardVerifier(core, holder="last").step()
        assert due_verifications(core, 10) == [], point
