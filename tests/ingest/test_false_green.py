"""Runs after which a card would be called safe, or its files be gone, although the service has not what is on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from files_service.ingest import copying
from files_service.ingest.identity import device_node
from files_service.ingest.mounts import mount_of, read_mounts
from files_service.ingest.options import Ending
from files_service.ingest.progress import Sorting
from files_service.services.cards.erasure import erase_cards
from files_service.services.content import chunk_slices
from tests.gateway.owners import processed_bytes
from tests.gateway.serving import Served
from tests.ingest.bringing import OWNER, Told, assert_identical, bring, entries, footage, process_all
from tests.ingest.cards import can_mount, fill, inserted
from tests.unit.cards.scenes import worked


def test_names_that_look_like_those_of_other_files_are_all_taken(served: Served, tmp_path: Path) -> None:
    names = ("a\nb", r"a\nb", "\\\n", r"\\n", r"a\b", "a\x85", r"a\x85", "a\u2028", r"a\u2028")
    files = {f"DCIM/{name}": name.encode() for name in names}
    fill(tmp_path / "card", files)
    outcome = bring(served, tmp_path / "card", tmp_path / "state")
    process_all(served, outcome)
    found = entries(served, outcome)
    contents = [processed_bytes(served, each["file_id"]) for each in found.values()]
    assert sorted(contents) == sorted(files.values())
    assert r"DCIM/a\b" in found


@pytest.mark.parametrize("machine", ["same", "other"])
def test_a_file_whose_copy_is_damaged_is_sent_again_by_the_next_run(
    served: Served, tmp_path: Path, machine: str
) -> None:
    files = footage()
    fill(tmp_path / "card", files)
    outcome = bring(served, tmp_path / "card", tmp_path / "state")
    process_all(served, outcome)
    assert outcome.session is not None
    victim = "DCIM/100GOPRO/GX010002.MP4"
    file_id = entries(served, outcome)[victim]["file_id"]
    [part] = served.core.metadata.get(file_id).parts
    key = next(key for key, _, _ in chunk_slices(served.core, part, 0, part.size))
    served.core.blobs.delete(key)
    session = worked(served.core, outcome.session["session_id"])
    assert [(each["code"], each["path"]) for each in session["verdict"]["reasons"]] == [("copy_damaged", victim)]
    outcome = bring(served, tmp_path / "card", tmp_path / ("state" if machine == "same" else "other"))
    process_all(served, outcome)
    assert (outcome.uploaded, outcome.known) == (1, len(files) - 1)
    assert outcome.session is not None
    assert worked(served.core, outcome.session["session_id"])["state"] == "copied_not_verified"


class Acting(Told):
    """Does something when the card has been sorted."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act = act

    def sorted(self, found: Sorting) -> None:
        self._act()


def test_a_session_that_is_erased_meanwhile_is_begun_anew_by_the_next_run(served: Served, tmp_path: Path) -> None:
    files = footage(count=2)
    fill(tmp_path / "card", files)
    erasing = Acting(lambda: [*iter(lambda: erase_cards(served.core, OWNER, 100), 0)])
    outcome = bring(served, tmp_path / "card", tmp_path / "state", progress=erasing)
    assert (outcome.ending, outcome.reason) == (Ending.INTERRUPTED, "not_found: there is no such session")
    outcome = bring(served, tmp_path / "card", tmp_path / "state")
    assert (outcome.ending, len(entries(served, outcome))) == (Ending.COMPLETE, len(files))


def test_a_card_with_more_files_than_a_session_holds_is_refused(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("files_service.services.cards.entries.MAX_ENTRIES", 2)
    fill(tmp_path / "card", footage(count=2))
    outcome = bring(served, tmp_path / "card", tmp_path / "state")
    assert (outcome.ending, outcome.reason) == (Ending.REFUSED, "too_large: the session has too many files")


@pytest.mark.parametrize("verify", ["card", "copies"])
def test_another_card_in_the_place_of_the_first_one_is_not_taken_for_it(
    served: Served, tmp_path: Path, verify: str
) -> None:
    card, pocket, other = tmp_path / "card", tmp_path / "pocket", tmp_path / "other"
    files, others = ({**footage(seed, count=2), "MISC/empty.dat": bytes([seed])} for seed in (1, 2))
    fill(card, files)
    # Also of the same sizes and times.
    fill(other, others)

    class Exchanging(Told):
        """Exchanges the card for one with the same names when it has been listed."""

        def planned(self, *_: Any, **__: Any) -> None:
            card.rename(pocket)
            other.rename(card)

    outcome = bring(served, card, tmp_path / "state", progress=Exchanging(), verify=verify)
    assert (outcome.ending, outcome.reason) == (Ending.INTERRUPTED, f"another card is at {card}")
    card.rename(other)
    pocket.rename(card)
    outcome = bring(served, card, tmp_path / "state", verify=verify)
    assert outcome.ending is Ending.COMPLETE
    assert_identical(served, outcome, files)


class BytesOfDevice(Told):
    """Notes what is read from the device of a card, beside memory, from its second reading on."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        mount = mount_of(root, read_mounts())
        node = device_node(mount) if mount is not None else None
        # A folder on a machine that can mount no image has none of its own.
        self._counters = Path("/sys/block", node.name, "stat") if node is not None else None
        self._before = 0

    def reread(self, count: int, size: int) -> None:
        if not count:
            self._before = self._count()

    @property
    def count(self) -> int:
        return self._count() - self._before

    def _count(self) -> int:
        return 512 * int(self._counters.read_text().split()[2]) if self._counters is not None else 0


def test_the_second_reading_is_one_of_the_card_also_below_a_file_system_in_user_space(
    served: Served, tmp_path: Path
) -> None:
    files = footage()
    with inserted(tmp_path, files) as card:
        progress = BytesOfDevice(card.root)
        outcome = bring(served, card.root, tmp_path / "state", progress=progress)
        assert outcome.ending is Ending.COMPLETE
        assert progress.count >= sum(map(len, files.values())) or not can_mount()


def test_a_card_whose_second_reading_would_come_from_memory_is_not_safe(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(root: Path) -> None:
        raise PermissionError(13, "Permission denied", "/dev/sdb1")

    monkeypatch.setattr(copying, "forget_device", refused)
    fill(tmp_path / "card", footage(count=2))
    told = Told()
    outcome = bring(served, tmp_path / "card", tmp_path / "state", progress=told)
    process_all(served, outcome)
    assert any("/dev/sdb1" in line for line in told.lines)
    assert outcome.session is not None
    verdict = worked(served.core, outcome.session["session_id"])["verdict"]
    assert [each["code"] for each in verdict["reasons"]] == ["not_read_twice"]
    again = bring(served, tmp_path / "card", tmp_path / "state", verify="copies")
    assert again.session is not None
    assert worked(served.core, again.session["session_id"])["state"] == "copied_not_verified"
