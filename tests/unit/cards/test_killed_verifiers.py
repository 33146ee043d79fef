"""Verifications whose workers are killed again and again, also within a file: none begins from the start.

Nor does a file, however long: what was read of it up to a chunk is not read again.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xxhash

from files_service.core import Core
from files_service.services.cards import file_hashes
from files_service.services.cards.copies import FilePosition
from files_service.services.cards.file_hashes import FileHashes, is_resumable
from files_service.services.cards.verification import find_verification, save_work
from files_service.worker import card_verifier
from files_service.worker.card_verifier import LEASE_SECONDS, SAVE_MS, CardVerifier
from storage_adapters import StorageUnavailable
from tests.clocks import Clock
from tests.cores import call, memory_core
from tests.scale import at_scale
from tests.unit.cards.scenes import OWNER, brought, copied, entry_of, worked
from tests.unit.killable import Killed
from tests.unit.lost_bytes import chunked_file

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


def kill_one(core: Core, session_id: str, clock: Clock, reads: Reads, left: int) -> None:
    """Let a worker verify until its read of this number, at which it is killed."""
    reads.left = left
    verifier = CardVerifier(core, holder=core.new_id())
    with suppress(Killed):
        while call(core, "cards.session", session_id=session_id)["state"] == "verifying":
            verifier.step()
            # Each turn is a file or a chunk, and is stored.
            clock.pass_seconds(SAVE_MS / 1_000)
    reads.kills += reads.left == 0
    # Nobody has released the lease.
    clock.pass_seconds(LEASE_SECONDS + 1)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_twenty_killed_workers_read_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(card_verifier, "TURN_BYTES", 1)
    clock, dice = Clock(), random.Random(seed)
    core = replace(memory_core(tmp_path), clock=clock, timer=clock)
    session_id = copied(core, [brought(core, f"DCIM/{number:03}.MP4") for number in range(FILES)])["session_id"]
    call(core, "cards.verify", session_id=session_id)
    reads, done = Reads(core, monkeypatch), 0
    for _ in range(KILLS):
        kill_one(core, session_id, clock, reads, dice.randint(1, 4))
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


CHUNKS = 30


def one_long_file(tmp_path: Path, clock: Clock, **more: Any) -> tuple[Core, str]:
    """A card with one file of many chunks, under verification."""
    core = replace(memory_core(tmp_path, chunk_bytes=1_024), clock=clock, timer=clock)
    content = random.Random(CHUNKS).randbytes(1_024 * CHUNKS)
    entry = entry_of("DCIM/A.MP4", content, chunked_file(core, content, OWNER)["file_id"], **more)
    session_id: str = copied(core, [entry])["session_id"]
    call(core, "cards.verify", session_id=session_id)
    return core, session_id


def kill_within(core: Core, session_id: str, clock: Clock, reads: Reads, dice: random.Random, rounds: int) -> None:
    """Kill workers that read the long file."""
    for _ in range(rounds):
        kill_one(core, session_id, clock, reads, dice.randint(2, 5))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_long_file_is_read_on_where_a_killed_worker_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(card_verifier, "TURN_BYTES", 1)
    clock = Clock()
    core, session_id = one_long_file(tmp_path, clock)
    reads = Reads(core, monkeypatch)
    kill_within(core, session_id, clock, reads, random.Random(seed), KILLS)
    assert worked(core, session_id)["state"] == "copied_not_verified"
    assert len(reads.count) == CHUNKS
    # A kill costs the chunk that was being read, and the one whose place was not stored yet.
    assert sum(reads.count.values()) <= CHUNKS + 2 * reads.kills
    core.close()


def test_a_store_that_fails_again_and_again_within_a_long_file_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    core, session_id = one_long_file(tmp_path, clock)
    real, calls = core.blobs.get, Counter[str]()

    def flapping(key: str, **more: Any) -> Iterator[bytes]:
        calls[key] += 1
        if sum(calls.values()) % 3 == 0:
            raise StorageUnavailable("the store does not answer")
        return real(key, **more)

    monkeypatch.setattr(core.blobs, "get", flapping)
    verifier = CardVerifier(core, holder="one")
    for _ in range(CHUNKS):
        with suppress(StorageUnavailable):
            verifier.step()
        clock.pass_seconds(60)
    assert call(core, "cards.session", session_id=session_id)["state"] == "copied_not_verified"
    assert sum(calls.values()) <= CHUNKS + CHUNKS // 2 + 1
    core.close()


@pytest.mark.parametrize("is_libraries", [True, False])
@pytest.mark.parametrize("is_damaged", [True, False])
@pytest.mark.parametrize("is_right", [True, False])
def test_bytes_of_a_file_that_was_read_on_are_those_of_the_card_or_the_card_is_not_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_right: bool, is_damaged: bool, is_libraries: bool
) -> None:
    monkeypatch.setattr(card_verifier, "TURN_BYTES", 1)
    if not is_libraries:
        monkeypatch.setattr(file_hashes, "is_resumable", lambda: False)
    clock = Clock()
    core, session_id = one_long_file(tmp_path, clock, **({} if is_right else {"xxh64": "0" * 16}))
    reads = Reads(core, monkeypatch)
    kill_within(core, session_id, clock, reads, random.Random(1), 3)
    if is_damaged:
        work = find_verification(core, session_id)
        assert work is not None
        place = work.place or FilePosition(path="", content="")
        other = FileHashes().state() or ""
        save_work(core, replace(work, place=replace(place, hashes=other)))
    verdict = worked(core, session_id)["verdict"]
    expected = ("copied_not_verified", "one_copy") if is_right else ("not_safe", "hash_differs")
    assert (verdict["state"], verdict["reasons"][0]["code"]) == expected
    core.close()


def test_hashes_go_on_from_a_stored_state() -> None:
    assert is_resumable()
    dice = random.Random(7)
    for _ in range(50):
        hashes, whole = FileHashes(), b""
        for _ in range(dice.randint(0, 5)):
            piece = dice.randbytes(dice.choice((0, 1, 31, 32, 63, 64, 65, 5_000)))
            whole += piece
            hashes.update(piece)
            again = FileHashes.restored(hashes.state() or "")
            assert again is not None
            hashes = again
        assert hashes.digests() == [hashlib.sha256(whole).hexdigest(), xxhash.xxh64_hexdigest(whole)]
    for other in ("", "x", (hashes.state() or "")[:-4], "Z" + (hashes.state() or "")):
        assert FileHashes.restored(other) is None
