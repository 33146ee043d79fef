"""A whole card: what is sent, what is known, and what becomes of files that the card does not give."""

from __future__ import annotations

import logging
import os
import random
import threading
from collections import Counter
from pathlib import Path

import pytest

from files_service.domain.cards import Tally
from files_service.ingest.options import Ending
from files_service.ingest.progress import Sorting
from files_service.ingest.reader import BLOCK_BYTES
from tests.cores import memory_core
from tests.gateway.serving import Served, serving
from tests.ingest.bringing import (
    CHUNK,
    KIB,
    Reading,
    Told,
    assert_identical,
    bring,
    entries,
    footage,
    process_all,
    received_bytes,
)
from tests.ingest.cards import fill, fingerprint, inserted
from tests.ingest.untouched import watched

QUARTER_HOUR = 15 * 60


@pytest.mark.parametrize("transport", ["websocket", "tus"])
def test_a_card_arrives_whole_and_each_byte_is_read_once_for_it(served: Served, tmp_path: Path, transport: str) -> None:
    files, reading = footage(), Reading()
    size = sum(map(len, files.values()))
    with inserted(tmp_path, files) as card:
        outcome = bring(
            served, card.root, tmp_path / "state", transport=transport, verify="copies", read=reading, young_seconds=0
        )
    assert outcome.ending is Ending.COMPLETE
    assert (outcome.uploaded, outcome.known, outcome.failed, outcome.sent_bytes) == (len(files), 0, (), size)
    # Beside the bytes themselves, the ends of each file tell whether it is known.
    assert reading.count == outcome.read_bytes == size + sum(min(len(each), 128 * KIB) for each in files.values())
    assert_identical(served, outcome, files)
    assert outcome.session is not None
    assert outcome.session["second_read"] is None


@pytest.mark.parametrize("transport", ["websocket", "tus"])
def test_a_card_arrives_in_blocks_of_the_usual_size(tmp_path: Path, transport: str) -> None:
    files = {"DCIM/100GOPRO/GX010001.MP4": random.Random(4).randbytes(3 * BLOCK_BYTES + 5)}
    fill(tmp_path / "card", files)
    with serving(memory_core(tmp_path / "data")) as served:
        outcome = bring(served, tmp_path / "card", tmp_path / "state", transport=transport)
        assert outcome.ending is Ending.COMPLETE
        assert_identical(served, outcome, files)


def test_a_small_file_takes_one_request_by_tus(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = footage(count=8)
    fill(tmp_path / "card", files)
    with (
        serving(memory_core(tmp_path / "data", chunk_bytes=CHUNK)) as served,
        caplog.at_level(logging.INFO, "files_service.access"),
    ):
        outcome = bring(served, tmp_path / "card", tmp_path / "state", transport="tus")
        assert outcome.ending is Ending.COMPLETE
        asked = Counter(getattr(each, "path", "") for each in caplog.records)
        assert asked["/tus/"] == len(files)
        assert not [path for path in asked if path.startswith("/rpc/")], asked
        assert_identical(served, outcome, files)


def test_junk_is_told_with_its_bytes_and_hinders_nothing(served: Served, tmp_path: Path) -> None:
    junk = {"Get_started_with_GoPro.url": b"[link]", ".Trashes/501/old.MP4": b"old", "DCIM/.DS_Store": b"finder"}
    fill(tmp_path / "card", footage(count=1) | junk)
    outcome = bring(served, tmp_path / "card", tmp_path / "state")
    assert (outcome.ending, outcome.failed) == (Ending.COMPLETE, ())
    found = {path: each for path, each in entries(served, outcome).items() if each["status"] == "excluded"}
    sizes = {path: (each["size"], each["reason"]) for path, each in found.items()}
    assert sizes == {
        "Get_started_with_GoPro.url": (6, "junk"),
        ".Trashes": (0, "junk"),
        "DCIM/.DS_Store": (6, "junk"),
    }
    assert outcome.session is not None
    assert outcome.session["counts"]["junk"] == {"files": 3, "bytes": 12}


def test_the_card_is_read_a_second_time_and_listed_again(served: Served, tmp_path: Path) -> None:
    files = footage()
    with inserted(tmp_path, files) as card:
        outcome = bring(served, card.root, tmp_path / "state")
    session = outcome.session
    assert session is not None
    second = session["second_read"]
    assert (second["files"], second["bytes"], second["differing"], second["full"]) == (
        len(files),
        sum(map(len, files.values())),
        [],
        True,
    )
    assert session["relisting_sha256"] == session["listing_sha256"] is not None


def test_a_bit_that_the_card_gives_differently_is_named(served: Served, tmp_path: Path) -> None:
    fill(tmp_path / "card", footage())
    victim = tmp_path / "card/DCIM/100GOPRO/GX010002.MP4"
    before = victim.stat()

    class Turning(Told):
        """Turns a bit between the readings, as a dying card may."""

        def reread(self, count: int, size: int) -> None:
            if victim.stat().st_mtime_ns == before.st_mtime_ns and victim.read_bytes()[5 * CHUNK] != turned[5 * CHUNK]:
                victim.write_bytes(turned)
                os.utime(victim, ns=(before.st_atime_ns, before.st_mtime_ns))

    content = bytearray(victim.read_bytes())
    content[5 * CHUNK] ^= 1
    turned = bytes(content)
    outcome = bring(served, tmp_path / "card", tmp_path / "state", progress=Turning())
    assert outcome.session is not None
    assert outcome.session["second_read"]["differing"] == ["DCIM/100GOPRO/GX010002.MP4"]


@pytest.mark.parametrize("shift", [0, 4 * QUARTER_HOUR, -3 * QUARTER_HOUR])
@pytest.mark.parametrize("machine", ["same", "other"])
def test_an_identical_card_is_known_by_the_ends_of_its_files(
    served: Served, tmp_path: Path, shift: int, machine: str
) -> None:
    files = footage(seed=shift)
    fill(tmp_path / "card", files)
    process_all(served, bring(served, tmp_path / "card", tmp_path / "state"))
    for path in (tmp_path / "card").rglob("*.*"):
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime + shift))
    before, reading = received_bytes(served), Reading()
    state = tmp_path / ("state" if machine == "same" else "other")
    outcome = bring(served, tmp_path / "card", state, card_id="another-card", read=reading)
    assert (outcome.ending, outcome.known, outcome.sent_bytes) == (Ending.COMPLETE, len(files), 0)
    assert received_bytes(served) == before
    assert reading.count <= 128 * KIB * len(files)
    assert {each["status"] for each in entries(served, outcome).values()} == {"known"}
    assert outcome.session is not None
    assert outcome.session["second_read"]["full"] is False


@pytest.mark.parametrize("minutes", [7, 15])
def test_a_time_that_moved_alone_is_that_of_another_file(served: Served, tmp_path: Path, minutes: int) -> None:
    files = footage()
    fill(tmp_path / "card", files)
    process_all(served, bring(served, tmp_path / "card", tmp_path / "state"))
    moved = tmp_path / "card/DCIM/100GOPRO/GX010001.MP4"
    os.utime(moved, (1_700_000_000, moved.stat().st_mtime + minutes * 60))
    outcome = bring(served, tmp_path / "card", tmp_path / "other", card_id="another-card")
    assert (outcome.uploaded, outcome.known) == (1, len(files) - 1)
    assert entries(served, outcome)["DCIM/100GOPRO/GX010001.MP4"]["status"] == "uploaded"


def test_the_same_names_with_other_content_are_all_sent(served: Served, tmp_path: Path) -> None:
    first, second = footage(seed=1), footage(seed=2)
    fill(tmp_path / "first", first)
    fill(tmp_path / "second", second)
    process_all(served, bring(served, tmp_path / "first", tmp_path / "state"))
    outcome = bring(served, tmp_path / "second", tmp_path / "state")
    # Nothing is in an empty file that could differ.
    del second["MISC/empty.dat"]
    assert outcome.uploaded == len(second)
    found = entries(served, outcome)
    assert {path for path, each in found.items() if each["status"] == "uploaded"} == second.keys()


def test_with_full_a_known_file_is_compared_byte_by_byte(served: Served, tmp_path: Path) -> None:
    files = footage()
    fill(tmp_path / "card", files)
    process_all(served, bring(served, tmp_path / "card", tmp_path / "state"))
    victim = tmp_path / "card/DCIM/100GOPRO/GX010003.MP4"
    times = victim.stat().st_atime_ns, victim.stat().st_mtime_ns
    content = bytearray(victim.read_bytes())
    # In the middle, where no fast key looks.
    content[5 * CHUNK] ^= 1
    victim.write_bytes(content)
    os.utime(victim, ns=times)
    assert bring(served, tmp_path / "card", tmp_path / "state").known == len(files)
    outcome = bring(served, tmp_path / "card", tmp_path / "state", full=True)
    assert (outcome.known, outcome.uploaded) == (len(files) - 1, 1)
    assert outcome.session is not None
    assert outcome.session["second_read"]["full"]


def test_a_bad_sector_costs_one_file_and_its_ranges_are_named(served: Served, tmp_path: Path) -> None:
    files = footage(count=8)
    fill(tmp_path / "card", files)
    victim = "DCIM/100GOPRO/GX010004.MP4"
    # One byte each: the steps are 64 KiB.
    bad = [(3 * CHUNK + 5, 3 * CHUNK + 6), (4 * CHUNK, 4 * CHUNK + 1), (9 * CHUNK + 1, 9 * CHUNK + 2)]
    reading = Reading(bad={(tmp_path / "card" / victim).stat().st_ino: bad})
    state = fingerprint(tmp_path / "card")
    with watched(tmp_path / "card"):
        outcome = bring(served, tmp_path / "card", tmp_path / "state", read=reading)
    assert fingerprint(tmp_path / "card") == state
    assert outcome.ending is Ending.PARTLY_FAILED
    assert outcome.uploaded == len(files) - 1
    [failed] = outcome.failed
    assert (failed.path, failed.state) == (victim, "unreadable")
    assert failed.ranges == ((3 * CHUNK, 5 * CHUNK), (9 * CHUNK, 10 * CHUNK))
    entry = entries(served, outcome)[victim]
    assert (entry["status"], entry["ranges"]) == ("unreadable", [[3 * CHUNK, 5 * CHUNK], [9 * CHUNK, 10 * CHUNK]])
    # Nothing of the file is left at the service, padded or not.
    assert victim.rpartition("/")[2] not in {
        each["name"] for each in served.result("files.list", owner="ann", limit=100)["files"]
    }


def test_a_sector_that_reads_at_the_third_try_is_read(served: Served, tmp_path: Path) -> None:
    files = footage(count=1)
    fill(tmp_path / "card", files)
    tries: dict[tuple[int, int], int] = {}

    def fail_twice(descriptor: int, offset: int) -> None:
        place = (os.fstat(descriptor).st_ino, offset)
        tries[place] = tries.get(place, 0) + 1
        if tries[place] < 3:
            raise OSError(5, "Input/output error")

    outcome = bring(served, tmp_path / "card", tmp_path / "state", read=Reading(before=fail_twice), verify="copies")
    assert outcome.ending is Ending.COMPLETE
    assert_identical(served, outcome, files)


@pytest.mark.parametrize("changes", [1, 2, 99])
def test_a_file_that_changes_while_it_is_read_is_read_again_at_most_three_times(
    served: Served, tmp_path: Path, changes: int
) -> None:
    files = footage(count=2)
    fill(tmp_path / "card", files)
    victim = tmp_path / "card/DCIM/100GOPRO/GX010001.MP4"
    left = [changes]
    lock = threading.Lock()

    def change(descriptor: int, offset: int) -> None:
        # In the middle: the last 64 KiB and the first are read before, for the fast key.
        with lock:
            if os.fstat(descriptor).st_ino == victim.stat().st_ino and offset == 5 * CHUNK and left[0]:
                left[0] -= 1
                content = random.Random(left[0]).randbytes(len(files["DCIM/100GOPRO/GX010001.MP4"]))
                victim.write_bytes(content)
                files["DCIM/100GOPRO/GX010001.MP4"] = content
                os.utime(victim, (1_700_000_000, 1_700_001_000 + left[0]))

    outcome = bring(
        served, tmp_path / "card", tmp_path / "state", read=Reading(before=change), verify="copies", young_seconds=0
    )
    if changes < 3:
        assert outcome.ending is Ending.COMPLETE
        assert_identical(served, outcome, files)
    else:
        [failed] = outcome.failed
        assert (outcome.ending, failed.state) == (Ending.PARTLY_FAILED, "changed")
        assert entries(served, outcome)[failed.path]["status"] == "changed"


def test_a_pulled_card_is_continued_when_it_is_back(served: Served, tmp_path: Path) -> None:
    files = footage()
    size = sum(map(len, files.values()))
    fill(tmp_path / "card", files)
    before = received_bytes(served)
    first = bring(served, tmp_path / "card", tmp_path / "state", read=Reading(gone_after=size // 2))
    assert first.ending is Ending.INTERRUPTED
    assert first.uploaded < len(files)
    sessions = served.request("GET", "/api/card-sessions", headers=_bearer()).json["sessions"]
    assert [each["state"] for each in sessions] == ["interrupted"]
    outcome = bring(served, tmp_path / "card", tmp_path / "state")
    assert outcome.ending is Ending.COMPLETE
    assert outcome.session is not None
    assert outcome.session["session_id"] == sessions[0]["session_id"]
    assert_identical(served, outcome, files)
    # At most what was under way is sent again: two files, each with a window of 16 MiB.
    assert received_bytes(served) - before <= size + 2 * 16 * KIB * KIB


@pytest.mark.parametrize("when", ["before the second reading", "after it"])
def test_a_card_that_is_gone_at_the_end_is_interrupted(served: Served, tmp_path: Path, when: str) -> None:
    fill(tmp_path / "card", footage(count=1))

    class Pulling(Told):
        """Pulls the card."""

        done = 0

        def reread(self, count: int, size: int) -> None:
            self.done += count
            if self.done == (size if when == "after it" else 0):
                (tmp_path / "card").rename(tmp_path / "pocket")

    assert bring(served, tmp_path / "card", tmp_path / "state", progress=Pulling()).ending is Ending.INTERRUPTED
    (tmp_path / "pocket").rename(tmp_path / "card")
    told = Told()
    outcome = bring(served, tmp_path / "card", tmp_path / "state", progress=told)
    assert (outcome.ending, outcome.sent_bytes) == (Ending.COMPLETE, 0)
    sizes = [len(content) for content in footage(count=1).values()]
    assert told.sorting == Sorting(new=Tally(), known=Tally(), brought=Tally(len(sizes), sum(sizes)))


def test_an_ignored_card_is_refused(served: Served, tmp_path: Path) -> None:
    fill(tmp_path / "card", footage(count=1))
    bring(served, tmp_path / "card", tmp_path / "state", card_id="unwanted")
    headers = {**_bearer(), "Content-Type": "application/json"}
    assert served.request("PUT", "/api/cards/unwanted", b'{"state": "ignored"}', headers).status == 200
    before = received_bytes(served)
    fill(tmp_path / "card", footage(seed=3, count=1))
    outcome = bring(served, tmp_path / "card", tmp_path / "state", card_id="unwanted")
    assert (outcome.ending, received_bytes(served)) == (Ending.REFUSED, before)


def _bearer() -> dict[str, str]:
    from tests.gateway.owners import bearer

    return bearer("ann")
