"""From what happens to what a chat gets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.domain.disk_space import Space
from files_service.domain.notices import Kind, Notice
from files_service.services.notices.channels import Channel
from files_service.services.notices.dead_letters import look_at_dead_letters
from files_service.services.notices.feed import CONSUMER, forget
from files_service.services.notices.outbox import add_notices, pending
from files_service.worker.notices import NoticeCollector
from storage_adapters import JSON, SupportsChanges
from tests.clocks import Clock
from tests.cores import call, processed_file
from tests.fakes.telegram import HANG, TOKEN, URL, BotApi
from tests.unit.cards.scenes import CARD, OWNER, begun, brought, copied, verified, worked
from tests.unit.notices.scenes import PHONE, PLENTY, core_at, inserted, known_card, notifier_of, run_for
from tests.waiting import wait_until

GB = 10**9
FOUND = Channel(name="phone", url=URL, kinds=frozenset([Kind.CARD_FOUND]))


@pytest.fixture
def core(tmp_path: Path, clock: Clock) -> Core:
    return core_at(tmp_path, clock)


def files(first: int, count: int, status: str = "missing") -> list[JSON]:
    paths = [f"DCIM/{number:05d}.MP4" for number in range(first, first + count)]
    return [{"path": path, "size": 10, "mtime_at": 1, "status": status} for path in paths]


def test_a_card_of_200_files_leads_to_three_messages_at_most(core: Core, clock: Clock, api: BotApi) -> None:
    known_card(core)
    worker = notifier_of(core)
    run_for(worker, clock, 10)
    inserted(core)
    session_id = begun(core, 200, 2_000)["session_id"]
    for first in range(0, 200, 20):
        call(core, "cards.add", session_id=session_id, files=files(first, 20))
        run_for(worker, clock, 20)
    call(core, "cards.progress", session_id=session_id, state="uploaded")
    run_for(worker, clock, 90)
    call(core, "cards.verify", session_id=session_id)
    assert worked(core, session_id)["state"] == "not_safe"
    run_for(worker, clock, 3_600, step=60)
    assert len(api.texts) == 3, api.texts
    assert "Card inserted: EOS" in api.texts[0]
    assert "64.0 GB" in api.texts[0]
    assert "Card copied with errors: EOS" in api.texts[1]
    assert "200 files could not be taken" in api.texts[1]
    assert "DO NOT FORMAT" in api.texts[2]


def test_what_happens_within_a_minute_is_one_message(core: Core, clock: Clock, api: BotApi) -> None:
    known_card(core)
    worker = notifier_of(core)
    run_for(worker, clock, 10)
    inserted(core)
    session_id = begun(core, 1, 10)["session_id"]
    call(core, "cards.progress", session_id=session_id, state="uploaded")
    run_for(worker, clock, 50)
    assert api.texts == []
    run_for(worker, clock, 30)
    assert len(api.texts) == 1
    assert "Card inserted" in api.texts[0]
    assert "Card copied" in api.texts[0]
    assert "Owner: ann" in api.texts[0]


def test_an_unknown_card_is_told_and_an_ignored_one_is_not(core: Core, clock: Clock, api: BotApi) -> None:
    worker = notifier_of(core)
    run_for(worker, clock, 10)
    inserted(core)
    run_for(worker, clock, 120)
    assert len(api.texts) == 1
    assert f"files watch allow {CARD}" in api.texts[0]
    call(core, "cards.permit", owner=OWNER, card_id=CARD, state="ignored")
    clock.pass_seconds(100)
    inserted(core)
    run_for(worker, clock, 120)
    assert len(api.texts) == 1


@pytest.mark.parametrize("decided", ["allowed", "begun"])
def test_an_unknown_card_that_is_taken_within_a_minute_is_not_told(
    core: Core, clock: Clock, api: BotApi, decided: str
) -> None:
    worker = notifier_of(core)
    run_for(worker, clock, 10)
    inserted(core)
    if decided == "allowed":
        call(core, "cards.permit", owner=OWNER, card_id=CARD, state="allowed")
    else:
        given = {"request_id": "one", "files": 1, "bytes": 1, "verify": "card", "host": "desk"}
        call(core, "cards.begin", owner=OWNER, card_id=CARD, **given)
    run_for(worker, clock, 120)
    assert api.texts == []
    assert worker.delivery.waiting["phone"] == 0


def test_what_was_before_the_first_start_is_no_news(core: Core, clock: Clock, api: BotApi) -> None:
    inserted(core)
    run_for(notifier_of(core), clock, 300)
    assert api.requests == 0


@pytest.mark.parametrize("state", ["interrupted", None])
def test_a_session_that_does_not_go_on_is_told_once(core: Core, clock: Clock, api: BotApi, state: str | None) -> None:
    """Its sender says that it stopped, or died."""
    worker = notifier_of(core, channel=Channel(name="a", url=URL, kinds=frozenset([Kind.SESSION_INTERRUPTED])))
    run_for(worker, clock, 10)
    session_id = begun(core, 200, 2_000)["session_id"]
    run_for(worker, clock, 300)
    call(core, "cards.add", session_id=session_id, files=files(0, 1))
    if state is not None:
        call(core, "cards.progress", session_id=session_id, state=state)
    run_for(worker, clock, 540)
    assert api.texts == []
    run_for(worker, clock, 3_000)
    assert len(api.texts) == 1
    assert "Copying stopped 10 minutes ago: EOS" in api.texts[0]
    call(core, "cards.add", session_id=session_id, files=files(1, 1))
    run_for(worker, clock, 1_000)
    assert len(api.texts) == 2
    call(core, "cards.progress", session_id=session_id, state="uploaded")
    run_for(worker, clock, 3_000)
    assert len(api.texts) == 2


@pytest.mark.parametrize("failure", [429, 500, 401])
def test_a_failure_is_repeated_until_it_works(core: Core, clock: Clock, api: BotApi, failure: int) -> None:
    known_card(core)
    worker = notifier_of(core)
    run_for(worker, clock, 10)
    inserted(core)
    api.answers.extend([failure] * 4)
    run_for(worker, clock, 70)
    first = api.requests
    assert api.texts == []
    assert 0 < first < 4
    run_for(worker, clock, 300)
    assert len(api.texts) == 1
    run_for(worker, clock, 7_200, step=600)
    assert len(api.texts) == 1


def test_a_notice_is_given_up_after_a_day_and_counted(core: Core, clock: Clock, api: BotApi) -> None:
    known_card(core)
    worker = notifier_of(core, channel=FOUND)
    run_for(worker, clock, 10)
    inserted(core)
    api.answers.extend([500] * 1_000)
    run_for(worker, clock, 23 * 3_600, step=300)
    assert worker.delivery.given_up["phone"] == 0
    assert worker.delivery.waiting["phone"] == 1
    assert 20 < api.requests < 60
    run_for(worker, clock, 2 * 3_600, step=300)
    assert worker.delivery.given_up["phone"] == 1
    assert pending(core, "phone") == ()
    shown = {m.name: m.samples for m in NoticeCollector(core, worker.delivery).collect()}
    assert shown["files_notices_given_up"][0].value == 1
    assert shown["files_notices_failed"][0].value == api.requests


def test_a_channel_that_hangs_is_left_and_gets_nothing_behind_it(core: Core, clock: Clock, api: BotApi) -> None:
    known_card(core)
    worker = notifier_of(core, seconds=0.05)
    run_for(worker, clock, 10)
    inserted(core)
    api.answers.append(HANG)
    run_for(worker, clock, 100)
    assert api.requests == 1
    assert worker.delivery.failed["phone"] >= 1
    api.release.set()
    wait_until(lambda: len(api.texts) == 1, seconds=60)

    def is_sent() -> bool:
        run_for(worker, clock, 3_600, step=600)
        return worker.delivery.sent["phone"] == 1

    wait_until(is_sent, seconds=60)


def test_after_failures_a_refused_notice_holds_up_no_other(core: Core, clock: Clock, api: BotApi) -> None:
    worker = notifier_of(core)
    api.answers.extend([500] * 3)
    kinds = {"phone": frozenset[Kind]()}
    add_notices(core, kinds, [Notice(kind=Kind.TEST, key=key, at=clock(), facts={"channel": key}) for key in "ab"])
    run_for(worker, clock, 600)
    assert len(api.texts) == 2
    assert {text.split(":")[0] for text in api.texts} == {"Test of the channel a", "Test of the channel b"}


def test_a_disk_that_swings_by_a_point_is_told_once(core: Core, clock: Clock, api: BotApi) -> None:
    space = [Space(160 * GB, 1_000 * GB)]
    worker = notifier_of(core, measure=lambda folder: space[0])
    for _ in range(50):
        for free in (155, 145, 149, 151, 165):
            space[0] = Space(free * GB, 1_000 * GB)
            run_for(worker, clock, 60, step=60)
    assert len(api.texts) == 1
    assert "Little space on the disk of blobs: 145 GB of 1.0 TB" in api.texts[0]
    space[0] = Space(185 * GB, 1_000 * GB)
    run_for(worker, clock, 540, step=60)
    assert len(api.texts) == 1
    run_for(worker, clock, 240, step=60)
    assert len(api.texts) == 2
    assert "Enough space again" in api.texts[1]


def test_less_space_than_the_largest_card_is_critical_and_goes_at_once(core: Core, clock: Clock, api: BotApi) -> None:
    inserted(core)
    space = [Space(500 * GB, 1_000 * GB)]
    worker = notifier_of(core, measure=lambda folder: space[0])
    run_for(worker, clock, 86_400, step=3_600)
    space[0] = Space(63 * GB, 1_000 * GB)
    run_for(worker, clock, 60, step=60)
    critical = [text for text in api.texts if "CRITICAL" in text]
    assert len(critical) == 1
    assert "less than a day left" in critical[0]
    assert not any("less than a day" in text for text in api.texts if text != critical[0])


def test_in_quiet_hours_only_the_critical_is_told(core: Core, clock: Clock, api: BotApi) -> None:
    """The test begins at 22:13 UTC."""
    known_card(core)
    space = [PLENTY]
    worker = notifier_of(core, channel=replace(PHONE, quiet=(22, 7)), measure=lambda folder: space[0])
    run_for(worker, clock, 100)
    inserted(core)
    run_for(worker, clock, 3_600, step=60)
    assert api.texts == []
    space[0] = Space(10 * GB, 1_000 * GB)
    run_for(worker, clock, 120, step=60)
    assert len(api.texts) == 1
    assert "CRITICAL" in api.texts[0]
    run_for(worker, clock, 9 * 3_600, step=600)
    assert len(api.texts) == 2
    assert "Card inserted: EOS" in api.texts[1]


@pytest.mark.parametrize("held_up", ["by quiet hours", "by an outage", "for a minute"])
def test_a_good_verdict_that_does_not_hold_any_more_is_not_told(
    core: Core, clock: Clock, api: BotApi, held_up: str
) -> None:
    """The test begins at 22:13 UTC."""
    quiet = (22, 7) if held_up == "by quiet hours" else None
    worker = notifier_of(core, channel=replace(PHONE, quiet=quiet))
    known_card(core)
    run_for(worker, clock, 10)
    session_id = copied(core, [brought(core, "a.mp4")])["session_id"]
    run_for(worker, clock, 90)
    told = len(api.texts)
    api.answers.extend([500] * 5 if held_up == "by an outage" else [])
    assert verified(core, session_id)["state"] == "copied_not_verified"
    run_for(worker, clock, 30)
    call(core, "cards.inserted", owner=OWNER, card={"card_id": CARD}, listing_sha256="0" * 64)
    if held_up != "for a minute":
        run_for(worker, clock, 10 * 3_600, step=600)
    run_for(worker, clock, 90)
    assert not any("re-read" in text for text in api.texts[told:]), api.texts
    assert any("Card inserted" in text for text in api.texts[told:])


def test_the_digest_counts_a_day(core: Core, clock: Clock, api: BotApi) -> None:
    core = replace(core, settings=replace(core.settings, notice_digest_hour=7))
    known_card(core)
    worker = notifier_of(core)
    run_for(worker, clock, 86_400, step=3_600)
    inserted(core)
    run_for(worker, clock, 2 * 86_400, step=1_800)
    digests = [text for text in api.texts if "files, 0 B in all" in text]
    assert len(digests) in (2, 3)
    assert sum("card_found: 1" in text for text in digests) == 1


def test_an_expired_upload_is_told(core: Core, clock: Clock, api: BotApi) -> None:
    worker = notifier_of(core)
    run_for(worker, clock, 10)
    part = {"type": "main", "content_type": "video/mp4", "size": 5}
    call(core, "files.upload", owner=OWNER, name="a <b>&amp; clip.mp4", parts=[part])
    # One whose time in the trash is over is no upload.
    call(core, "files.trash", file_id=processed_file(core, owner=OWNER)["file_id"])
    clock.pass_seconds(40 * 86_400)
    assert len(call(core, "files.sync")["expired"]) == 2
    run_for(worker, clock, 120)
    # The channel has markup, and a name is text there.
    assert ["Upload expired: a &lt;b&gt;&amp;amp; clip.mp4" in text for text in api.texts] == [True]
    assert "clip.bin" not in api.texts[0]


def test_notices_that_end_hold_nothing_in_the_feed(core: Core, clock: Clock, api: BotApi) -> None:
    inserted(core)
    run_for(notifier_of(core), clock, 10)
    assert isinstance(core.metadata, SupportsChanges)
    assert core.metadata.checkpoint(CONSUMER)
    assert forget(core)
    assert not forget(core)
    assert core.metadata.checkpoint(CONSUMER) == ""


def test_a_message_keeps_the_limits_of_telegram(core: Core, clock: Clock, api: BotApi) -> None:
    """To a group go 20 messages a minute, and one message has 4 096 characters."""
    worker = notifier_of(core, channel=Channel(name="phone", url=f"tgram://{TOKEN}/-100200300/"))
    long = "\N{GRINNING FACE}" * 3_000
    notices = [
        Notice(
            kind=kind, key=f"{kind}{number}", at=clock(), facts={"disk": long, "free": 1, "total": 1, "days_left": 1}
        )
        for kind in (Kind.DISK_LOW, Kind.DISK_CRITICAL)
        for number in range(30)
    ]
    add_notices(core, {"phone": frozenset()}, notices)
    run_for(worker, clock, 300, step=1)
    assert api.texts
    assert all(len(text.encode("utf-16-le")) <= 2 * 4_096 for text in api.texts)
    assert pending(core, "phone") == ()
    alone = Notice(kind=Kind.TEST, key="x", at=clock(), facts={"channel": "x"})
    before = api.requests
    for number in range(60):
        add_notices(core, {"phone": frozenset()}, [replace(alone, key=str(number), at=clock())])
        worker.step()
        clock.pass_seconds(0.5)
    assert api.requests - before <= 20


def test_the_first_poster_of_a_card_goes_with_its_notice(core: Core, clock: Clock, api: BotApi) -> None:
    known_card(core)
    clock.pass_seconds(100)
    worker = notifier_of(core)
    worker.step()
    entry = brought(core, "DCIM/1.MP4")
    picture = processed_file(core, b"RIFF of a poster", owner=OWNER)
    record, other = core.metadata.get(entry["file_id"]), core.metadata.get(picture["file_id"])
    poster = replace(other.parts[0], type="poster", content_type="image/webp")
    changed = replace(record, derived=(poster,), revision=record.revision + 1)
    core.metadata.save(changed, expected_revision=record.revision, changed_at=clock(), event=None)
    session_id = begun(core, 1, entry["size"])["session_id"]
    call(core, "cards.add", session_id=session_id, files=[entry])
    call(core, "cards.progress", session_id=session_id, state="uploaded")
    run_for(worker, clock, 120)
    assert len(api.pictures) == 1
    assert b"RIFF of a poster" in api.pictures[0]
    assert b"Card copied: EOS" in api.pictures[0] + "".join(api.texts).encode()


@pytest.mark.parametrize("state", ["of another owner", "in the trash"])
def test_a_poster_of_a_file_that_is_not_the_owners_goes_with_no_notice(
    core: Core, clock: Clock, api: BotApi, state: str
) -> None:
    known_card(core)
    clock.pass_seconds(100)
    worker = notifier_of(core)
    worker.step()
    entry = brought(core, "DCIM/1.MP4")
    picture = processed_file(core, b"RIFF of a poster", owner=OWNER if state == "in the trash" else "victim")
    record = core.metadata.get(picture["file_id"])
    poster = replace(record.parts[0], type="poster", content_type="image/webp")
    changed = replace(record, derived=(poster,), revision=record.revision + 1)
    core.metadata.save(changed, expected_revision=record.revision, changed_at=clock(), event=None)
    if state == "in the trash":
        call(core, "files.trash", file_id=picture["file_id"])
    session_id = begun(core, 1, entry["size"])["session_id"]
    call(core, "cards.add", session_id=session_id, files=[{**entry, "file_id": picture["file_id"]}])
    call(core, "cards.progress", session_id=session_id, state="uploaded")
    run_for(worker, clock, 120)
    assert api.pictures == []
    assert any("Card copied" in text for text in api.texts)


def test_more_dead_letters_are_told(core: Core, clock: Clock, api: BotApi) -> None:
    letters: list[int | None] = [None, 2, 2, None, 1, 4]
    for count in letters:
        look_at_dead_letters(core, {"phone": frozenset()}, lambda count=count: count)  # type: ignore[misc]
    run_for(notifier_of(core), clock, 120)
    assert api.texts == ["Queue door: 2 dead letters, 2 new\r\n———\r\nQueue door: 4 dead letters, 3 new"]
