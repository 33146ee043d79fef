"""Channels that owners choose: their addresses, and what they get."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.cli.notice_checks import check_notices
from files_service.core import Core
from files_service.domain.notice_addresses import SERVICES, service_of
from files_service.domain.notices import PERSONAL, Kind, Notice
from files_service.errors import BadRequest, Forbidden, NotFound, NotSupported, TooLarge
from files_service.services.erasure import _remove_documents
from files_service.services.notices.channels import Channel, Sender
from files_service.services.notices.outbox import add_notices, pending
from files_service.services.notices.personal import MARK, MOST_CHANNELS, channel_documents
from files_service.worker.notices import NoticeWorker
from storage_adapters import JSON
from tests.clocks import Clock
from tests.cores import call, refusal, settings_for
from tests.fakes.telegram import TOKEN, URL, BotApi
from tests.unit.cards.scenes import OWNER
from tests.unit.notices.scenes import PLENTY, core_at, inserted, known_card, run_for

HOUR = 3_600_000
OTHERS_TOKEN = TOKEN.replace("1234567890", "999")


@pytest.fixture
def core(tmp_path: Path, clock: Clock) -> Core:
    core = core_at(tmp_path, clock)
    return replace(core, settings=replace(core.settings, notice_services=("tgram",)))


def chosen(core: Core, name: str = "phone", owner: str = OWNER, **given: Any) -> JSON:
    return call(core, "notices.set_channel", owner=owner, name=name, **{"url": URL, **given})


def notifier(core: Core, *channels: Channel) -> NoticeWorker:
    senders = [Sender(channel) for channel in channels]
    return NoticeWorker(
        core, channels, senders, holder=core.new_id(), places={"blobs": Path("/")}, measure=lambda folder: PLENTY
    )


def test_an_owner_is_told_of_the_own_cards_alone(core: Core, clock: Clock, api: BotApi) -> None:
    chosen(core)
    known_card(core)
    worker = notifier(core)
    run_for(worker, clock, 10)
    inserted(core)
    call(core, "cards.inserted", owner="bob", card={"card_id": "other", "label": "OTHER"}, host="desk")
    run_for(worker, clock, 100)
    assert len(api.texts) == 1
    assert "Card inserted: EOS" in api.texts[0]
    assert "OTHER" not in api.texts[0]
    assert worker.delivery.sent == {MARK: 1}


def test_channels_of_the_installation_and_of_owners_get_the_same_notice(core: Core, clock: Clock, api: BotApi) -> None:
    chosen(core)
    known_card(core)
    worker = notifier(core, Channel(name="all", url=URL))
    run_for(worker, clock, 10)
    inserted(core)
    run_for(worker, clock, 100)
    assert len(api.texts) == 2


def test_a_channel_gets_the_kinds_that_it_asks_for(core: Core, clock: Clock, api: BotApi) -> None:
    chosen(core, kinds=["safe"])
    worker = notifier(core)
    for kind in (Kind.CARD_FOUND, Kind.UPLOAD_EXPIRED):
        facts = {"name": "a", "path": None, "size": 1, "label": "x", "camera": "", "size_bytes": 0, "host": ""}
        add_notices(core, {}, [Notice(kind=kind, key=kind, at=clock(), owner=OWNER, facts=facts)])
    run_for(worker, clock, 100)
    assert api.texts == []
    chosen(core, kinds=["upload_expired"])
    add_notices(core, {}, [Notice(kind=Kind.UPLOAD_EXPIRED, key="later", at=clock(), owner=OWNER, facts=facts)])
    run_for(worker, clock, 100)
    assert len(api.texts) == 1


def test_quiet_hours_of_one_hold_up_nobody_else(core: Core, clock: Clock, api: BotApi) -> None:
    clock.pass_seconds((24 - clock() // HOUR % 24) * 3_600 - clock() % HOUR / 1_000)
    assert clock() // HOUR % 24 == 0
    chosen(core, quiet_hours=[22, 7])
    chosen(core, owner="bob")
    worker = notifier(core)
    for owner in (OWNER, "bob"):
        facts = {"name": f"of {owner}", "path": None, "size": 1}
        add_notices(core, {}, [Notice(kind=Kind.UPLOAD_EXPIRED, key=owner, at=clock(), owner=owner, facts=facts)])
    run_for(worker, clock, 6 * 3_600, step=600)
    assert ["of bob" in text for text in api.texts] == [True]
    run_for(worker, clock, 3_600, step=600)
    assert [f"of {OWNER}" in text for text in api.texts] == [False, True]


def test_a_test_message_comes_at_once_also_in_quiet_hours(core: Core, clock: Clock, api: BotApi) -> None:
    hour = clock() // HOUR % 24
    chosen(core, quiet_hours=[hour, (hour + 2) % 24])
    for _ in range(3):
        call(core, "notices.test_channel", owner=OWNER, name="phone")
    run_for(notifier(core), clock, 10)
    assert api.texts == ["Test of the channel phone: it works."]


def test_a_channel_that_changes_gets_no_more_than_one_test_message_a_minute(core: Core, clock: Clock) -> None:
    for kinds in (["safe"], ["upload_expired"], ["safe"]):
        chosen(core, kinds=kinds)
        call(core, "notices.test_channel", owner=OWNER, name="phone")
        assert len(pending(core, MARK)) == 1
    clock.pass_seconds(60)
    call(core, "notices.test_channel", owner=OWNER, name="phone")
    assert len(pending(core, MARK)) == 2


def test_what_waits_for_a_removed_channel_is_not_sent(core: Core, clock: Clock, api: BotApi) -> None:
    chosen(core)
    call(core, "notices.test_channel", owner=OWNER, name="phone")
    call(core, "notices.remove_channel", owner=OWNER, name="phone")
    worker = notifier(core)
    run_for(worker, clock, 100)
    assert api.requests == 0
    assert worker.delivery.waiting == {MARK: 0}
    assert call(core, "notices.remove_channel", owner=OWNER, name="phone")["removed"]


def test_a_disabled_person_is_told_nothing_of_its_files(core: Core, clock: Clock, api: BotApi) -> None:
    call(core, "accounts.create", name=OWNER)
    chosen(core)
    chosen(core, owner="bob")

    def tell(key: str) -> None:
        for owner in (OWNER, "bob"):
            facts = {"name": f"{key} of {owner}", "path": None, "size": 1}
            told = Notice(kind=Kind.UPLOAD_EXPIRED, key=f"{key} {owner}", at=clock(), owner=owner, facts=facts)
            add_notices(core, {}, [told])

    tell("waits")
    call(core, "accounts.update", owner=OWNER, disabled=True)
    tell("comes")
    worker = notifier(core)
    run_for(worker, clock, 200)
    assert [f"{key} of bob" in "".join(api.texts) for key in ("waits", "comes")] == [True, True]
    assert f"of {OWNER}" not in "".join(api.texts)
    assert worker.delivery.waiting == {MARK: 0}
    call(core, "accounts.update", owner=OWNER, disabled=False)
    tell("later")
    run_for(worker, clock, 200)
    assert [f"{key} of {OWNER}" in "".join(api.texts) for key in ("waits", "comes", "later")] == [False, False, True]


def test_a_channel_that_fails_is_tried_again(core: Core, clock: Clock, api: BotApi) -> None:
    chosen(core)
    call(core, "notices.test_channel", owner=OWNER, name="phone")
    api.answers.extend([500, 429])
    worker = notifier(core)
    run_for(worker, clock, 120)
    assert len(api.texts) == 1
    assert worker.delivery.failed == {MARK: 2}


def test_an_address_is_never_shown_again(
    core: Core, clock: Clock, api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = chosen(core)
    changed = call(core, "notices.set_channel", owner=OWNER, name="phone", kinds=["safe"])
    listed = call(core, "notices.channels", owner=OWNER)
    assert listed == {"channels": [changed], "services": ["tgram"]}
    refused = refusal(core, "notices.set_channel", owner=OWNER, name="phone", url=f"{URL}?template=/etc/passwd")
    assert isinstance(refused, BadRequest)
    api.answers.append(401)
    call(core, "notices.test_channel", owner=OWNER, name="phone")
    run_for(notifier(core), clock, 30)
    # The change without an address kept it.
    assert api.texts
    said = f"{made}{changed}{listed}{refused}{refused.to_wire()}{caplog.text}"
    assert TOKEN not in said


@pytest.mark.parametrize(
    "url",
    [
        "json://10.0.0.1/",
        "tgram://bot/1/",
        f"tgram://{TOKEN}/",
        f"tgram://{TOKEN}/1/?redirect=yes",
        f"tgram://{TOKEN}/1/\n",
        f"TGRAM://{TOKEN}/1/",
        f"tgram://{TOKEN}@127.0.0.1/1/",
        "discord://1/aaaaaaaaaaaaaaaaaaaa/",
        "mailto://me:secret@example.org",
    ],
)
def test_other_addresses_are_refused(core: Core, url: str) -> None:
    assert isinstance(refusal(core, "notices.set_channel", owner=OWNER, name="phone", url=url), BadRequest)
    assert channel_documents(core, OWNER) == []


@pytest.mark.parametrize(
    "url",
    [
        "discord://123456/aaaaaaaaaaaaaaaaaaaaaaaa/",
        f"pover://{'u' * 30}@{'t' * 30}/",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/",
        URL,
    ],
)
def test_apprise_knows_every_form(url: str) -> None:
    assert service_of(url) in SERVICES
    Sender(Channel(name="x", url=url)).close()


def test_what_is_not_about_an_owner_cannot_be_asked_for(core: Core) -> None:
    for kind in set(Kind) - PERSONAL:
        assert isinstance(
            refusal(core, "notices.set_channel", owner=OWNER, name="p", url=URL, kinds=[kind]), BadRequest
        )


def test_the_number_of_channels_is_limited(core: Core) -> None:
    for number in range(MOST_CHANNELS):
        chosen(core, f"c{number}")
    refused = refusal(core, "notices.set_channel", owner=OWNER, name="more", url=URL)
    assert isinstance(refused, TooLarge)
    assert chosen(core, "c0", kinds=["safe"])["kinds"] == ["safe"]


def test_others_learn_and_change_nothing(core: Core) -> None:
    chosen(core)
    named = {"owner": OWNER, "name": "phone", "actor": "bob"}
    for method, given in (
        ("notices.channels", {"owner": OWNER, "actor": "bob"}),
        ("notices.set_channel", {**named, "url": URL}),
        ("notices.remove_channel", named),
        ("notices.test_channel", named),
    ):
        assert isinstance(refusal(core, method, **given), Forbidden)
    assert isinstance(refusal(core, "notices.test_channel", owner="bob", name="phone", actor="bob"), NotFound)


def test_an_installation_without_services_permits_none(tmp_path: Path, clock: Clock) -> None:
    core = core_at(tmp_path, clock)
    assert isinstance(refusal(core, "notices.set_channel", owner=OWNER, name="phone", url=URL), NotSupported)


def test_channels_go_with_their_owner(core: Core) -> None:
    chosen(core)
    chosen(core, owner="bob")
    assert _remove_documents(core, OWNER) == 1
    assert channel_documents(core, OWNER) == []
    assert len(channel_documents(core, "bob")) == 1


def test_doctor_names_channels_and_faults_without_addresses(tmp_path: Path) -> None:
    assert check_notices(settings_for(tmp_path)).ok
    found = check_notices(settings_for(tmp_path, FILES_NOTICE_CHANNELS=f"phone={URL}", FILES_NOTICE_SERVICES="slack"))
    assert found.ok
    assert found.text.startswith("channels: phone; owners may choose: slack.")
    assert TOKEN not in found.text
    wrong = check_notices(settings_for(tmp_path, FILES_NOTICE_CHANNELS=f"phone=tgram://{OTHERS_TOKEN}/"))
    assert not wrong.ok
    assert "phone" in wrong.text
    assert OTHERS_TOKEN not in f"{wrong.text}{wrong.advice}"
