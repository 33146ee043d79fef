"""The verdict, alone: a thousand cards with faults of all kinds, and a hundred sound ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from files_service.domain.cards import EntryStatus, Listing, SessionState, Tally, Verify
from files_service.domain.verdict import MAX_REASONS, Code, Facts, Reason, SecondRead, judge, reason_of_entry

SEEDS = 1_000
AT = 50_520_000  # 14:02
SECOND = "a second copy in another place is missing"


def sound(dice: random.Random) -> Facts:
    """A card of which everything is proven."""
    uploaded = Tally(dice.randint(1, 500), dice.randint(1, 10**11))
    known = Tally(dice.randint(1, 90), dice.randint(1, 10**9)) if dice.random() < 0.4 else Tally()
    junk = Tally(dice.randint(1, 9), dice.randint(1, 999)) if dice.random() < 0.4 else Tally()
    counts = {"uploaded": uploaded, "known": known, "junk": junk}
    verify = dice.choice(list(Verify))
    read = SecondRead(files=uploaded.files, bytes=uploaded.bytes)
    return Facts(
        announced=uploaded.plus(known).files,
        counts={name: tally for name, tally in counts.items() if tally != Tally()},
        listing_of_entries="a" * 64,
        listing="a" * 64,
        verify=verify,
        second_read=read if verify is Verify.CARD or dice.random() < 0.5 else None,
        reread=uploaded.plus(known),
        copies=dice.choice((2, 2, 3)),
        reread_at=AT,
    )


def failed(facts: Facts, dice: random.Random, status: EntryStatus) -> Facts:
    """One of the files could not be taken."""
    files = facts.counts["uploaded"]
    size = min(dice.randint(0, 10**6), files.bytes)
    entry = {"path": "DCIM/A.MP4", "size": size, "status": status.value, "reason": "", "ranges": [[0, 65_536]]}
    reason = reason_of_entry(entry)
    assert reason is not None
    counts = {**facts.counts, "uploaded": files.minus(Tally(1, size)), status.value: Tally(1, size)}
    reread = facts.reread.minus(Tally(1, size))
    # Told, or lost on the way to the verdict.
    kept = (reason,) if dice.random() < 0.8 else ()
    return replace(facts, counts=counts, reread=reread, failed=kept, more=0 if kept else dice.choice((0, 1)))


def of_status(status: EntryStatus) -> Callable[[Facts, random.Random], Facts]:
    return lambda facts, dice: failed(facts, dice, status)


def fault(code: Code) -> Callable[[Facts, random.Random], Facts]:
    """A file is not whole in the archive."""

    def plant(facts: Facts, dice: random.Random) -> Facts:
        reread = facts.reread.minus(Tally(1, min(dice.randint(0, 99), facts.reread.bytes)))
        found = Reason(code=code, path="DCIM/A.MP4", detail="its copy is not the same")
        return replace(facts, reread=reread, faults=(found,) * dice.choice((0, 1, 1, 2)), more=dice.choice((0, 1)))

    return plant


def unlisted(facts: Facts, _: random.Random) -> Facts:
    return replace(facts, listing=None)


def listed_otherwise(facts: Facts, _: random.Random) -> Facts:
    return replace(facts, listing="b" * 64)


def read_otherwise(facts: Facts, dice: random.Random) -> Facts:
    """The second reading gave other bytes."""
    read = facts.second_read or SecondRead(files=facts.announced, bytes=facts.archived.bytes)
    return replace(facts, second_read=replace(read, differing=("DCIM/A.MP4",) * dice.randint(1, 3)))


def not_read_twice(facts: Facts, _: random.Random) -> Facts:
    return replace(facts, verify=Verify.CARD, second_read=None)


def read_in_part(facts: Facts, dice: random.Random) -> Facts:
    """The second reading stopped."""
    uploaded = facts.counts["uploaded"]
    full = SecondRead(files=uploaded.files, bytes=uploaded.bytes)
    part = dice.choice((replace(full, files=full.files - 1), replace(full, bytes=full.bytes - 1)))
    return replace(facts, verify=Verify.CARD, second_read=part)


def file_untold(facts: Facts, dice: random.Random) -> Facts:
    """The sender announced more than it told."""
    return replace(facts, announced=facts.announced + dice.randint(1, 3))


def not_reread(facts: Facts, dice: random.Random) -> Facts:
    """Some files were not read again in the archive."""
    left = Tally(dice.randint(1, facts.reread.files), dice.randint(0, facts.reread.bytes))
    return replace(facts, reread=facts.reread.minus(left))


def reread_without_copies(facts: Facts, _: random.Random) -> Facts:
    return replace(facts, copies=0)


def one_copy(facts: Facts, _: random.Random) -> Facts:
    return replace(facts, copies=1)


def no_files(facts: Facts, _: random.Random) -> Facts:
    """The card could not be listed, so that it looked empty."""
    return replace(facts, announced=0, counts={}, reread=Tally(), second_read=SecondRead(files=0, bytes=0))


FAULTS: tuple[Callable[[Facts, random.Random], Facts], ...] = (
    *(of_status(status) for status in EntryStatus if status not in (EntryStatus.UPLOADED, EntryStatus.KNOWN)),
    *(fault(code) for code in (Code.FILE_GONE, Code.COPY_DAMAGED, Code.HASH_DIFFERS, Code.NOT_HASHED)),
    unlisted,
    listed_otherwise,
    read_otherwise,
    not_read_twice,
    read_in_part,
    file_untold,
    not_reread,
    reread_without_copies,
    one_copy,
    no_files,
)


def test_no_card_with_a_fault_is_safe() -> None:
    """No false green."""
    assert len(FAULTS) >= 12
    for seed in range(SEEDS):
        dice = random.Random(seed)
        planted = dice.sample(FAULTS, dice.choice((1, 1, 1, 2)))
        # Each kind comes alone first.
        planted = [FAULTS[seed]] if seed < len(FAULTS) else planted
        facts = sound(dice)
        # What empties the card comes last: the others need a file.
        for plant in sorted(planted, key=lambda each: each is no_files):
            facts = plant(facts, dice)
        verdict = judge(facts)
        assert verdict.state is not SessionState.SAFE, (seed, planted)
        assert verdict.reasons or verdict.more, (seed, planted)
        assert not verdict.text.startswith("SAFE"), (seed, planted)
        if planted == [one_copy]:
            assert verdict.state is SessionState.COPIED_NOT_VERIFIED
        elif one_copy not in planted:
            assert verdict.state is SessionState.NOT_SAFE, (seed, planted)


def test_every_sound_card_is_safe() -> None:
    """No false red."""
    for seed in range(100):
        verdict = judge(sound(random.Random(seed)))
        assert (verdict.state, verdict.reasons) == (SessionState.SAFE, ()), seed


KNOWN = "SAFE TO FORMAT: 214 files (14 known), 50.1 GB, 2 copies re-read 14:02 UTC"


def facts_of(**more: object) -> Facts:
    """A card of 214 files."""
    files = Tally(214, 50_100_000_000)
    base = Facts(
        announced=files.files,
        counts={"uploaded": files},
        listing_of_entries="a",
        listing="a",
        verify=Verify.CARD,
        second_read=SecondRead(files=214, bytes=files.bytes),
        reread=files,
        copies=2,
        reread_at=AT,
    )
    return replace(base, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, "SAFE TO FORMAT: 214 files, 50.1 GB, 2 copies re-read 14:02 UTC, card read twice"),
        (
            {"verify": Verify.COPIES, "second_read": None},
            "SAFE TO FORMAT: 214 files, 50.1 GB, 2 copies re-read 14:02 UTC, card read once",
        ),
        (
            {
                "counts": {"uploaded": Tally(200, 50_000_000_000), "known": Tally(14, 100_000_000)},
                "second_read": SecondRead(files=200, bytes=50_000_000_000),
            },
            f"{KNOWN}, new files read twice, known ones recognized",
        ),
        (
            {"counts": {"uploaded": Tally(200, 50_000_000_000), "known": Tally(14, 100_000_000)}},
            f"{KNOWN}, card read in full",
        ),
        (
            {"counts": {"known": Tally(214, 50_100_000_000)}, "second_read": SecondRead(files=0, bytes=0)},
            f"{KNOWN.replace('14 known', '214 known')}, known files recognized, not read in full",
        ),
        (
            {"copies": 1},
            f"COPIED, NOT VERIFIED: 214 files, 50.1 GB, 1 copy re-read 14:02 UTC, card read twice; {SECOND}",
        ),
        (
            {"listing": "b"},
            "DO NOT FORMAT: the card has other files than those that were copied",
        ),
    ],
)
def test_the_text_says_it_in_a_line(more: dict[str, object], text: str) -> None:
    assert judge(facts_of(**more)).text == text


def test_why_a_file_was_left_out_is_in_the_reason() -> None:
    entry = {"path": "link.MP4", "size": 0, "status": "excluded", "reason": "a link, which is not followed"}
    assert str(reason_of_entry(entry)) == "link.MP4: it was left out: a link, which is not followed"


def test_the_first_reason_and_its_file_are_in_the_text() -> None:
    entry = {"path": "DCIM/A.MP4", "size": 1, "status": "unreadable", "ranges": [[0, 65_536]]}
    reason = reason_of_entry(entry)
    assert reason is not None
    text = judge(facts_of(failed=(reason,), listing=None)).text
    assert text.startswith("DO NOT FORMAT: DCIM/A.MP4: the card does not give its bytes (bytes 0-65536); and ")


def test_junk_and_files_in_the_archive_are_no_reasons() -> None:
    for status, reason in (("uploaded", ""), ("known", ""), ("excluded", "junk")):
        assert reason_of_entry({"path": "a", "status": status, "reason": reason}) is None
    assert reason_of_entry({"path": "a", "status": "excluded", "reason": "by hand"}) is not None


def test_so_many_reasons_are_kept_and_the_others_are_counted() -> None:
    reasons = tuple(Reason(code=Code.UNREADABLE, path=f"{index}", detail="x") for index in range(MAX_REASONS + 5))
    verdict = judge(facts_of(failed=reasons, more=2))
    assert (len(verdict.reasons), verdict.more) == (MAX_REASONS, 7)
    assert "106 more reasons" in verdict.text


def test_a_listing_is_the_digest_of_its_lines() -> None:
    listing = Listing()
    assert listing.sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    listing.add("DCIM/ä", 3, 1_700_000_000_000)
    # sha256sum of the line, made by printf.
    assert listing.sha256 == "3faef29da4cedff6ae3f7d0791df682f0cd3047a36e8bda84e8713fefa926c11"
