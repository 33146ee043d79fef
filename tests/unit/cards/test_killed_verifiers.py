"""Verifications whose workers are killed again and again, also within a file: none begins from the start."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.worker import card_verifier
from files_service.worker.card_verifier import LEASE_SECONDS, SAVE_MS, CardVerifier
from tests.clocks import Clock
from tests.cores import call, memory_core
from tests.scale import at_scale
from tests.unit.cards.scenes import brought, copied, worked
from tests.unit.killable import Killed

KILLS = 20
FILES = at_scale(quick=30, default=40, nightly=400)
SEEDS = at_scale(quick=1, default=3, nightly=100)


class Reads:
    """The reads of blobs by file; one of a number kills the worker."""

    def __init__(self, core: Core, patch: pytest.MonkeyPatch) -> None:
        self.count: Counter[str] = Counter()
        self.left, self.kills = -1, 0
        self._real = core.blobs.get
        patch.setattr(core.blobs, "get", self._get)

    def _get(self, key: str, **more: Any) -> Iterator[bytes]:
        self.count[key] += 1
        for piece in self._real(key, **more):
            self.left -= 1
            if self.left == 0:
                raise Killed
            yield piece


@pytest.mark.parametrize("seed", range(SEEDS))
def test_twenty_killed_workers_read_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(card_verifier, "TURN_BYTES", 1)
    clock, dice = Clock(), random.Random(seed)
    core = replace(memory_core(tmp_path), clock=clock, timer=clock)
    session_id = copied(core, [brought(core, f"DCIM/{number:03}.MP4") for number in range(FILES)])["session_id"]
    call(core, "cards.verify", session_id=session_id)
    reads, done = Reads(core, monkeypatch), 0
    for _ in range(KILLS):
        reads.left = dice.randint(1, 4)
        verifier = CardVerifier(core, holder=core.new_id())
        with suppress(Killed):
            while call(core, "cards.session", session_id=session_id)["state"] == "verifying":
                verifier.step()
                # Each turn is a file, and is stored.
                clock.pass_seconds(SAVE_MS / 1_000)
        reads.kills += reads.left == 0
        # Nobody has released the lease.
        clock.pass_seconds(LEASE_SECONDS + 1)
        work = call(core, "cards.session", session_id=session_id)["verification"]
        if work is None:
            break
        assert work["files_done"] >= done
        done = work["files_done"]
    assert reads.kills >= KILLS // 2
    assert worked(core, session_id)["state"] == "copied_not_verified"
    # A kill costs the file that was being read, and the one whose place was not stored yet.
    assert len(reads.count) == FILES
    assert sum(reads.count.values()) <= FILES + 2 * reads.kills
    core.close()
