"""Verification on the real service: all copies are read again, from where it stopped, and the verdict follows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.worker import card_verifier
from files_service.worker.card_verifier import LOOK_SECONDS, MOST_RATE, SAVE_MS, CardVerifier
from storage_adapters import JSON, BlobStore, SupportsListing
from storage_adapters.blobs.memory import MemoryBlobStore
from storage_adapters.blobs.mirrored import mirrored
from tests.clocks import Clock
from tests.cores import call, memory_core, processed_file, sqlite_core, uploaded_file
from tests.unit.cards.scenes import (
    CARD,
    OWNER,
    begun,
    brought,
    bytes_of,
    copied,
    entry_of,
    listing_of,
    verified,
    verifying,
    worked,
)
from tests.unit.lost_bytes import paths, remove, rot


@pytest.fixture
def disk_core(tmp_path: Path) -> Iterator[Core]:
    """A core whose blobs are files in chunks of 100 bytes at most 1 KiB."""
    opened = sqlite_core(tmp_path, chunk_bytes=1_024)
    yield opened
    opened.close()


Two = tuple[Core, BlobStore]


def in_two_places(core: Core, domains: tuple[str, str] = ("here", "elsewhere")) -> Two:
    """The core with every blob in two stores, of which the second is returned as well."""
    second = MemoryBlobStore()
    return replace(core, blobs=mirrored(MemoryBlobStore(), second, domains)), second


def verdict_of(session: JSON) -> tuple[str, list[tuple[str, str | None]]]:
    """State and reasons."""
    verdict = session["verdict"]
    return verdict["state"], [(each["code"], each.get("path")) for each in verdict["reasons"]]


def test_with_one_copy_the_best_is_copied_not_verified(core: Core) -> None:
    entries = [brought(core, "DCIM/A.MP4"), brought(core, "DCIM/B.MP4", chunked=True)]
    session = verified(core, copied(core, entries)["session_id"])
    assert session["state"] == "copied_not_verified"
    assert verdict_of(session) == ("copied_not_verified", [("one_copy", None)])
    assert session["verdict"]["text"].startswith("COPIED, NOT VERIFIED: 2 files, 600 B, 1 copy re-read ")
    assert session["verdict"]["copies"] == 1


def test_with_two_copies_the_card_may_be_formatted(core: Core) -> None:
    core, _ = in_two_places(core)
    entries = [brought(core, "DCIM/A.MP4"), brought(core, "DCIM/B.MP4", chunked=True)]
    session = verified(core, copied(core, entries)["session_id"])
    assert verdict_of(session) == ("safe", [])
    assert session["verdict"]["text"].startswith("SAFE TO FORMAT: 2 files, 600 B, 2 copies re-read ")


def test_two_copies_in_one_failure_domain_are_one(core: Core) -> None:
    core, _ = in_two_places(core, ("here", "here"))
    entries = [brought(core, "DCIM/A.MP4")]
    assert verified(core, copied(core, entries)["session_id"])["state"] == "copied_not_verified"


def test_a_copy_that_is_damaged_speaks_against_formatting_beside_a_good_one(core: Core) -> None:
    core, second = in_two_places(core)
    entry = brought(core, "DCIM/A.MP4")
    session_id = copied(core, [entry])["session_id"]
    key = core.metadata.get(entry["file_id"]).parts[0].key
    session = verified(core, session_id, between=lambda: second.delete(key))
    assert verdict_of(session) == ("not_safe", [("copy_damaged", "DCIM/A.MP4")])
    assert session["verdict"]["text"] == (
        "DO NOT FORMAT: DCIM/A.MP4: its copy in elsewhere cannot be read: BlobNotFound"
    )


def test_known_files_rest_on_bytes_that_are_read_again(core: Core) -> None:
    core, _ = in_two_places(core)
    entries = [brought(core, "DCIM/A.MP4"), brought(core, "DCIM/B.MP4", status="known")]
    session = verified(core, copied(core, entries)["session_id"])
    assert "2 files (1 known)" in session["verdict"]["text"]
    call(core, "files.remove", file_id=entries[1]["file_id"])
    session = verified(core, session["session_id"])
    assert verdict_of(session) == ("not_safe", [("file_gone", "DCIM/B.MP4")])


def test_a_file_that_is_deleted_by_itself_is_not_in_the_archive(core: Core) -> None:
    core, _ = in_two_places(core)
    content = bytes_of("DCIM/A.MP4")
    record = processed_file(core, content, owner=OWNER, temporary=True, ttl_seconds=3_600)
    entry = entry_of("DCIM/A.MP4", content, record["file_id"])
    session = verified(core, copied(core, [entry])["session_id"])
    assert verdict_of(session) == ("not_safe", [("file_gone", "DCIM/A.MP4")])
    asked = {name: entry[name] for name in ("path", "size", "fast_key")}
    assert call(core, "files.known", owner=OWNER, files=[asked]) == {"files": [None]}


def test_a_file_that_is_still_being_processed_is_waited_for(core: Core) -> None:
    content = bytes_of("DCIM/B.MP4")
    record = uploaded_file(core, content, owner=OWNER)
    entries = [brought(core, "DCIM/A.MP4"), entry_of("DCIM/B.MP4", content, record["file_id"])]
    session_id = copied(core, entries)["session_id"]
    call(core, "cards.verify", session_id=session_id)
    verifier = CardVerifier(core, holder="worker")
    assert [verifier.step() > 0.5 for _ in range(5)] == [True] * 5
    assert call(core, "cards.session", session_id=session_id)["state"] == "verifying"
    verifier.give_up()
    call(core, "files.process", file_id=record["file_id"])
    assert verdict_of(worked(core, session_id)) == ("copied_not_verified", [("one_copy", None)])


@pytest.mark.parametrize("damage", [rot, remove])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_damaged_copy_is_named(disk_core: Core, damage: Callable[[Path], object], chunked: bool) -> None:
    entries = [brought(disk_core, "DCIM/A.MP4"), brought(disk_core, "DCIM/B.MP4", chunked=chunked)]
    session_id = copied(disk_core, entries)["session_id"]
    record = call(disk_core, "files.info", file_id=entries[1]["file_id"])
    session = verified(disk_core, session_id, between=lambda: damage(paths(disk_core, record)[0]))
    state, reasons = verdict_of(session)
    # A blob without a checksum on record shows in the hashes of the card.
    assert (state, [path for _, path in reasons]) == ("not_safe", ["DCIM/B.MP4"])
    assert reasons[0][0] in ("copy_damaged", "hash_differs")
    assert session["verdict"]["text"].startswith("DO NOT FORMAT: DCIM/B.MP4: its copy in local ")
    # The next run with the card sends it again.
    asked = [{name: each[name] for name in ("path", "size", "fast_key")} for each in entries]
    assert [each is None for each in call(disk_core, "files.known", owner=OWNER, files=asked)["files"]] == [False, True]


def test_entries_that_change_meanwhile_void_the_work(core: Core) -> None:
    entries = [brought(core, "DCIM/A.MP4")]
    session_id = copied(core, entries)["session_id"]
    other = {**entries[0], "sha256": "0" * 64}
    session = verified(core, session_id, between=lambda: call(core, "cards.add", session_id=session_id, files=[other]))
    assert (session["state"], session["verdict"]) == ("uploaded", None)
    # The work that was begun for the former entries gives no verdict either.
    # The second reading was of the former entry.
    reasons = [("hash_differs", "DCIM/A.MP4"), ("not_read_twice", None)]
    assert verdict_of(verified(core, session_id)) == ("not_safe", reasons)


def test_what_changes_after_the_verdict_takes_it_away(core: Core) -> None:
    entries = [brought(core, "DCIM/A.MP4")]
    session_id = copied(core, entries)["session_id"]
    verified(core, session_id)
    assert call(core, "cards.add", session_id=session_id, files=entries)["state"] == "copied_not_verified"
    second = {"finished_at": 1, "files": 1, "bytes": 300, "full": True, "differing": ["DCIM/A.MP4"]}
    told = call(core, "cards.progress", session_id=session_id, second_read=second)
    assert (told["state"], told["verdict"]) == ("uploaded", None)
    assert verdict_of(verified(core, session_id)) == (
        "not_safe",
        [("reads_differently", "DCIM/A.MP4")] * 1 + [("not_read_twice", None)],
    )


def test_an_insertion_during_the_work_counts(core: Core) -> None:
    session_id = copied(core, [brought(core, "DCIM/A.MP4")])["session_id"]

    def insert() -> None:
        call(core, "cards.inserted", owner=OWNER, card={"card_id": CARD}, listing_sha256="0" * 64)

    assert verdict_of(verified(core, session_id, between=insert)) == ("not_safe", [("listing_differs", None)])


def slow(core: Core, patch: pytest.MonkeyPatch) -> tuple[Core, Clock]:
    """A worker whose turns end with each file, and a clock that a test puts forward."""
    patch.setattr(card_verifier, "TURN_BYTES", 1)
    clock = Clock()
    return replace(core, clock=clock, timer=clock), clock


def test_a_worker_that_is_killed_leaves_its_place(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    core, clock = slow(core, monkeypatch)
    entries = [brought(core, f"DCIM/{number}.MP4") for number in range(8)]
    session_id = copied(core, entries)["session_id"]
    call(core, "cards.verify", session_id=session_id)
    first = CardVerifier(core, holder="one")
    for _ in range(10):
        first.step()
        clock.pass_seconds(SAVE_MS / 1_000)
    done = call(core, "cards.session", session_id=session_id)["verification"]["files_done"]
    assert 1 <= done < 8
    # Killed: nothing is released. The other goes on when the lease is over, and reads what is left.
    read: list[str] = []
    real = core.blobs.get

    def noted(key: str, **more: Any) -> Iterator[bytes]:
        read.append(key)
        return real(key, **more)

    monkeypatch.setattr(core.blobs, "get", noted)
    second = CardVerifier(core, holder="two")
    assert second.step() == LOOK_SECONDS
    assert read == []
    clock.pass_seconds(60)
    session = worked(core, session_id)
    assert session["state"] == "copied_not_verified"
    assert len(read) == 8 - done


def test_a_file_that_goes_after_it_was_read_speaks_against_formatting(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    core, clock = slow(in_two_places(core)[0], monkeypatch)
    entries = [brought(core, f"DCIM/{number}.MP4") for number in range(4)]
    session_id = copied(core, entries)["session_id"]
    call(core, "cards.verify", session_id=session_id)
    verifier = CardVerifier(core, holder="one")
    while call(core, "cards.session", session_id=session_id)["verification"]["files_done"] < 1:
        verifier.step()
        clock.pass_seconds(SAVE_MS / 1_000)
    verifier.give_up()
    call(core, "files.trash", file_id=entries[0]["file_id"])
    assert verdict_of(worked(core, session_id)) == ("not_safe", [("file_gone", "DCIM/0.MP4")])


def test_the_rate_is_bounded(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    core, _ = slow(core, monkeypatch)
    entries = [brought(core, f"DCIM/{number}.MP4") for number in range(3)]
    call(core, "cards.verify", session_id=copied(core, entries)["session_id"])
    verifier, waits = CardVerifier(core, holder="one"), []
    while (wait := verifier.step()) != LOOK_SECONDS:
        waits.append(wait)
    assert sum(waits) * MOST_RATE >= 3 * 300


def test_sessions_are_verified_in_turn(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    core, _ = slow(core, monkeypatch)
    made = [verifying(core, number, files) for number, files in enumerate((9, 1))]
    verifier = CardVerifier(core, holder="one")
    for _ in range(5):
        verifier.step()
    states = [call(core, "cards.session", session_id=each)["state"] for each in made]
    assert states == ["verifying", "not_safe"]


Fault = Callable[[Core, list[JSON], BlobStore, random.Random], dict[str, Any]]


def _changed(index_of: str, **more: Any) -> Fault:
    def plant(core: Core, entries: list[JSON], other: BlobStore, dice: random.Random) -> dict[str, Any]:
        dice.choice(entries).update(more)
        return {}

    plant.__name__ = index_of
    return plant


def _trashed(core: Core, entries: list[JSON], other: BlobStore, dice: random.Random) -> dict[str, Any]:
    call(core, "files.trash", file_id=dice.choice(entries)["file_id"])
    return {}


def _copy_lost(core: Core, entries: list[JSON], other: BlobStore, dice: random.Random) -> dict[str, Any]:
    assert isinstance(other, SupportsListing)
    other.delete(dice.choice(other.scan(limit=1_000)).key)
    return {}


def _copy_rotten(core: Core, entries: list[JSON], other: BlobStore, dice: random.Random) -> dict[str, Any]:
    assert isinstance(other, SupportsListing)
    info = dice.choice(other.scan(limit=1_000))
    content = bytearray(b"".join(other.get(info.key)))
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    other.delete(info.key)
    other.put(info.key, [bytes(content)], content_type=info.content_type, now=core.clock())
    return {}


def _swapped(core: Core, entries: list[JSON], other: BlobStore, dice: random.Random) -> dict[str, Any]:
    one, two = dice.sample(entries, 2)
    one["file_id"], two["file_id"] = two["file_id"], one["file_id"]
    return {}


FAULTS: tuple[Fault, ...] = (
    *(_changed(each, status=each) for each in ("unreadable", "changed", "excluded", "missing")),
    _changed("other sha256", sha256="0" * 64),
    _changed("other xxh64", xxh64="0" * 16),
    _changed("no hash", sha256=None),
    _changed("other size", size=299),
    _trashed,
    _copy_lost,
    _copy_rotten,
    _swapped,
    lambda core, entries, other, dice: {"listing_sha256": "0" * 64},
    lambda core, entries, other, dice: {"listing_sha256": None},
    lambda core, entries, other, dice: {"second_read": None},
    lambda core, entries, other, dice: {"differing": [dice.choice(entries)["path"]]},
    lambda core, entries, other, dice: {"untold": True},
)


def judged(tmp_path: Path, dice: random.Random, plant: Fault | None) -> JSON:
    """A session of some files with a fault or none; returns it with its verdict."""
    core, other = in_two_places(memory_core(tmp_path, chunk_bytes=1_024))
    entries = [brought(core, f"DCIM/{number}.MP4", chunked=dice.random() < 0.3) for number in range(dice.randint(2, 5))]
    if dice.random() < 0.3:
        entries[0]["status"] = "known"
    announced = sum(each["size"] for each in entries)
    more = plant(core, entries, other, dice) if plant is not None else {}
    session_id = begun(core, len(entries), announced)["session_id"]
    told = entries[1:] if more.pop("untold", False) else entries
    dice.shuffle(told)
    for each in told:
        call(core, "cards.add", session_id=session_id, files=[each] * dice.choice((1, 2)))
    listing = more.pop("listing_sha256", listing_of(told))
    second = {"finished_at": 1, "files": len(entries), "bytes": announced, "full": True}
    second_read = {**second, **more} if "second_read" not in more else None
    params = {"state": "uploaded", "listing_sha256": listing, "second_read": second_read}
    call(core, "cards.progress", session_id=session_id, **params)
    session = verified(core, session_id)
    core.close()
    return session


@pytest.mark.parametrize("seed", range(2 * len(FAULTS)))
def test_no_card_with_a_planted_fault_is_safe(tmp_path: Path, seed: int) -> None:
    session = judged(tmp_path, random.Random(seed), FAULTS[seed % len(FAULTS)])
    assert session["state"] == "not_safe", session


def test_sound_cards_are_safe(tmp_path: Path) -> None:
    for seed in range(10):
        assert judged(tmp_path, random.Random(seed), None)["state"] == "safe", seed
