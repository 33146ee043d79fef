"""The second listing of a card: it differs from the entries only by what speaks against formatting, which is named."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from files_service.ingest.options import Ending, Outcome
from tests.cores import memory_core
from tests.gateway.serving import Served, serving
from tests.ingest.bringing import CHUNK, Told, assert_identical, bring, entries, footage
from tests.ingest.cards import fill
from tests.unit.cards.scenes import worked

VICTIM = "DCIM/100GOPRO/GX010002.MP4"


class Meanwhile(Told):
    """Does something to the card when its second reading begins."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act = act

    def reread(self, count: int, size: int) -> None:
        if not count:
            self._act()


def assert_listing_is_that_of_the_entries(served: Served, outcome: Outcome) -> dict[str, Any]:
    """Compare the newest listing with the digest of the entries by its definition; return the entries."""
    found = entries(served, outcome)
    listed = [each for each in found.values() if each["status"] not in ("excluded", "missing")]
    lines = [
        f"{each['path']}\0{each['size']}\0{each['mtime_at']}\n".encode()
        for each in sorted(listed, key=lambda each: each["path"].encode())
    ]
    assert outcome.session is not None
    assert outcome.session["relisting_sha256"] == hashlib.sha256(b"".join(lines)).hexdigest()
    return found


def test_what_cannot_be_taken_is_named_and_no_second_reason_follows_from_it(served: Served, tmp_path: Path) -> None:
    fill(tmp_path / "card", footage(count=1))
    (tmp_path / "card" / os.fsdecode(b"\xff\xfe.MP4")).write_bytes(b"2")
    (tmp_path / "card" / os.fsdecode(b"\xe9t\xe9")).mkdir()
    (tmp_path / "card/link.MP4").symlink_to("DCIM")
    os.mkfifo(tmp_path / "card/pipe")
    outcome = bring(served, tmp_path / "card", tmp_path / "state")
    assert outcome.ending is Ending.PARTLY_FAILED
    found = assert_listing_is_that_of_the_entries(served, outcome)
    assert {path: each["status"] for path, each in found.items() if not each["file_id"]} == {
        r"\xff\xfe.MP4": "unreadable",
        r"\xe9t\xe9": "unreadable",
        "link.MP4": "excluded",
        "pipe": "excluded",
    }


def test_a_file_that_the_service_refuses_is_named_and_no_second_reason_follows_from_it(tmp_path: Path) -> None:
    fill(tmp_path / "card", footage(count=1))
    with serving(memory_core(tmp_path / "data", chunk_bytes=CHUNK, max_file_bytes=8 * CHUNK)) as served:
        outcome = bring(served, tmp_path / "card", tmp_path / "state")
        [failed] = outcome.failed
        found = assert_listing_is_that_of_the_entries(served, outcome)
    assert found[failed.path]["status"] == "excluded"
    assert found[failed.path]["reason"].startswith("too_large: "), found


def test_a_file_whose_name_is_blank_is_taken(served: Served, tmp_path: Path) -> None:
    files = {" ": b"1", "\u00a0": b"2", "DCIM/ ": b"3", "\u2003/a": b"4"}
    fill(tmp_path / "card", files)
    outcome = bring(served, tmp_path / "card", tmp_path / "state")
    assert (outcome.ending, outcome.uploaded) == (Ending.COMPLETE, 4), outcome.reason
    assert_identical(served, outcome, files)
    assert bring(served, tmp_path / "card", tmp_path / "state").known == 4


def test_junk_with_a_long_path_keeps_no_card_from_being_taken(served: Served, tmp_path: Path) -> None:
    # The path is told from a slash on, or from within a segment.
    junk = {f"{'a' * 40}/{length}{'b' * length}/.DS_Store": b"junk" for length in range(235, 240)}
    fill(tmp_path / "card", {**footage(count=1), **junk})
    outcome = bring(served, tmp_path / "card", tmp_path / "state")
    assert outcome.ending is Ending.COMPLETE, outcome.reason
    assert [each["reason"] for each in entries(served, outcome).values() if each["status"] == "excluded"] == [
        "junk"
    ] * 5


def test_a_card_of_which_nothing_can_be_taken_gets_no_second_reason(served: Served, tmp_path: Path) -> None:
    fill(tmp_path / "card", {os.fsdecode(b"\xff.MP4"): b"1"})
    outcome = bring(served, tmp_path / "card", tmp_path / "state")
    assert outcome.session is not None
    verdict = worked(served.core, outcome.session["session_id"])["verdict"]
    assert [each["code"] for each in verdict["reasons"]] == ["unreadable"]


def test_what_cannot_be_taken_and_comes_or_goes_after_the_listing_is_named(served: Served, tmp_path: Path) -> None:
    fill(tmp_path / "card", footage(count=1))
    card = tmp_path / "card"
    going, link = card / os.fsdecode(b"\xff.MP4"), card / "DCIM/100GOPRO/GX010001.MP4"
    going.write_bytes(b"1")

    def act() -> None:
        going.rename(card / os.fsdecode(b"\xfe.MP4"))
        link.unlink()
        link.symlink_to("elsewhere")

    outcome = bring(served, card, tmp_path / "state", progress=Meanwhile(act))
    found = assert_listing_is_that_of_the_entries(served, outcome)
    assert {path: each["status"] for path, each in found.items() if each["status"] != "uploaded"} == {
        r"\xff.MP4": "missing",
        r"\xfe.MP4": "unreadable",
        "DCIM/100GOPRO/GX010001.MP4": "excluded",
    }
    assert outcome.ending is Ending.PARTLY_FAILED


def _appear(victim: Path) -> None:
    (victim.parent / "GX019999.MP4").write_bytes(b"just come")


def _grow(victim: Path) -> None:
    with victim.open("ab") as file:
        file.write(b"more")


def _touch(victim: Path) -> None:
    os.utime(victim, (1_700_000_000, 1_700_000_000))


@pytest.mark.parametrize(
    ("act", "path", "status", "reason"),
    [
        (_appear, "DCIM/100GOPRO/GX019999.MP4", "excluded", "it came after the card was listed"),
        (_grow, VICTIM, "changed", "it changed after it was read"),
        (_touch, VICTIM, "changed", "it changed after it was read"),
    ],
)
def test_a_file_that_comes_or_changes_after_the_listing_is_named(
    served: Served, tmp_path: Path, act: Callable[[Path], None], path: str, status: str, reason: str
) -> None:
    fill(tmp_path / "card", footage())
    outcome = bring(
        served, tmp_path / "card", tmp_path / "state", progress=Meanwhile(lambda: act(tmp_path / "card" / VICTIM))
    )
    assert outcome.ending is Ending.PARTLY_FAILED
    assert [(each.path, each.state) for each in outcome.failed] == [(path, status)]
    found = assert_listing_is_that_of_the_entries(served, outcome)
    assert (found[path]["status"], found[path]["reason"]) == (status, reason)
    again = bring(served, tmp_path / "card", tmp_path / "state", young_seconds=1)
    assert (again.ending, again.uploaded) == (Ending.COMPLETE, 1)


def test_a_file_that_goes_after_the_listing_is_told_and_stays_in_the_archive(served: Served, tmp_path: Path) -> None:
    fill(tmp_path / "card", footage())
    progress = Meanwhile((tmp_path / "card" / VICTIM).unlink)
    outcome = bring(served, tmp_path / "card", tmp_path / "state", progress=progress)
    assert f"{VICTIM} is no longer on the card" in progress.lines
    assert entries(served, outcome)[VICTIM]["status"] == "uploaded"
    assert outcome.session is not None
    assert outcome.session["relisting_sha256"] != outcome.session["listing_sha256"]
