"""Delivery of many notices, and beside clocks that are set."""

from __future__ import annotations

import re
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.domain.notices import MAX_MESSAGE, Kind, Notice, length_of
from files_service.services.notices import delivery as delivery_module
from files_service.services.notices import outbox
from files_service.services.notices.channels import Sender
from files_service.services.notices.delivery import Delivery
from files_service.services.notices.outbox import add_for, add_notices
from files_service.services.notices.personal import MARK
from tests.clocks import Clock
from tests.cores import call
from tests.fakes.telegram import HANG, URL, BotApi
from tests.unit.cards.scenes import OWNER
from tests.unit.notices.scenes import PHONE, core_at
from tests.waiting import wait_until


def tell_owner(core: Core, name: str, owner: str) -> None:
    """Add a notice for the channels of an owner."""
    facts = {"name": name, "path": None, "size": 1}
    add_notices(core, {}, [Notice(kind=Kind.UPLOAD_EXPIRED, key=name, at=core.clock(), owner=owner, facts=facts)])


@pytest.fixture
def core(tmp_path: Path, clock: Clock) -> Core:
    return core_at(tmp_path, clock)


def tell(core: Core, name: str, kind: Kind = Kind.UPLOAD_EXPIRED) -> None:
    """Add a notice that is due in a minute at the latest."""
    facts = {"name": name, "channel": name, "path": None, "size": 1}
    facts |= {"disk": name, "free": 1, "total": 100, "days_left": None}
    add_for(core, PHONE.name, Notice(kind=kind, key=name, at=core.clock(), owner=OWNER, facts=facts))


def tell_more_than_a_batch(core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add more ordinary notices than are looked at at once, and a critical one behind them."""
    monkeypatch.setattr(outbox, "BATCH", 3)
    for number in range(7):
        tell(core, f"clip {number}")
    clock.pass_seconds(600)
    tell(core, "the disk", Kind.DISK_CRITICAL)


def test_many_notices_in_quiet_hours_do_not_hide_a_critical_one(
    core: Core, clock: Clock, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test begins at 22:13 UTC."""
    tell_more_than_a_batch(core, clock, monkeypatch)
    with closing(Sender(replace(PHONE, quiet=(22, 7)))) as sender:
        delivery = Delivery(core, [sender])
        for _ in range(3):
            delivery.step()
            clock.pass_seconds(10)
        assert ["the disk" in text for text in api.texts] == [True]
        clock.pass_seconds(9 * 3_600)
        for _ in range(3):
            delivery.step()
            clock.pass_seconds(10)
        assert all(any(f"clip {number}" in text for text in api.texts[1:]) for number in range(7))


def test_many_notices_of_a_channel_that_takes_none_do_not_hide_a_critical_one(
    core: Core, clock: Clock, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell_more_than_a_batch(core, clock, monkeypatch)
    tell(core, "the disk is well", Kind.DISK_OK)
    with closing(Sender(PHONE)) as sender:
        delivery = Delivery(core, [sender])
        for _ in range(2):
            api.answers.append(500)
            delivery.step()
            clock.pass_seconds(1)
        clock.pass_seconds(20)
        delivery.step()
        assert ["the disk" in text for text in api.texts] == [True]
        for _ in range(3):
            clock.pass_seconds(10)
            delivery.step()
        assert all(any(f"clip {number}" in text for text in api.texts) for number in range(7))


def test_an_owner_whose_channel_takes_nothing_holds_up_no_other_owner(
    core: Core, clock: Clock, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (outbox, delivery_module):
        monkeypatch.setattr(module, "BATCH", 3)
    core = replace(core, settings=replace(core.settings, notice_services=("tgram",)))
    for owner, url in ((OWNER, URL.replace("1234567890", "999")), ("bob", URL.replace("4242", "4243"))):
        call(core, "notices.set_channel", owner=owner, name="phone", url=url)
    failing = Delivery(core, [])
    for number in range(9):
        tell_owner(core, f"clip {number}", OWNER)
    clock.pass_seconds(60)
    for _ in range(40):  # until each has failed so often that it goes alone
        failing.step()
        clock.pass_seconds(10)
    clock.pass_seconds(3_600)
    tell_owner(core, "for bob", "bob")
    clock.pass_seconds(60)
    for _ in range(5):
        failing.step()
        clock.pass_seconds(1)
    assert ["for bob" in text for text in api.texts] == [True]


def choose(core: Core, *owners: str) -> Core:
    """Let owners have a channel each, to chats of their own."""
    core = replace(core, settings=replace(core.settings, notice_services=("tgram",)))
    for number, owner in enumerate(owners):
        call(core, "notices.set_channel", owner=owner, name="phone", url=URL.replace("4242", f"{5000 + number}"))
    return core


def test_a_channel_of_an_owner_that_hangs_holds_up_the_others_once(
    core: Core, clock: Clock, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = choose(core, "ann")
    with closing(Sender(PHONE)) as sender:
        delivery = Delivery(core, [sender])
        monkeypatch.setattr(delivery_module, "OWNER_SECONDS", 0.05)
        api.answers.append(HANG)
        tell_owner(core, "first", "ann")
        clock.pass_seconds(60)
        delivery.step()
        assert delivery.failed == {MARK: 1}
        api.release.set()
        wait_until(lambda: len(api.texts) == 1, seconds=60)
        api.release.clear()
        # Nobody waits for so long.
        monkeypatch.setattr(delivery_module, "OWNER_SECONDS", 86_400.0)
        api.answers.append(HANG)

        def hangs_again() -> bool:
            clock.pass_seconds(100)
            delivery.step()
            return api.requests == 2

        wait_until(hangs_again, seconds=60)
        for number in range(3):
            tell(core, f"disk {number}", Kind.DISK_CRITICAL)
            clock.pass_seconds(60)
            delivery.step()
            assert f"disk {number}" in api.texts[-1]
        api.release.set()

        def is_told() -> bool:
            delivery.step()
            return delivery.sent[MARK] == 1

        wait_until(is_told, seconds=60)


def test_channels_are_told_side_by_side(core: Core, clock: Clock, api: BotApi) -> None:
    """Each answer comes when all have been asked."""
    owners = [f"owner {number}" for number in range(4)]
    core = choose(core, *owners)
    for owner in owners:
        tell_owner(core, owner, owner)
    clock.pass_seconds(60)
    api.answers.extend([HANG] * 4)

    def answer() -> None:
        wait_until(lambda: api.requests == 4, seconds=60)
        api.release.set()

    answering = threading.Thread(target=answer)
    answering.start()
    delivery = Delivery(core, [])
    delivery.step()
    answering.join()
    assert (delivery.sent, delivery.failed) == ({MARK: 4}, {})


def counted(texts: list[str]) -> int:
    """Return the number of notices that digests tell."""
    return sum(int(text.partition(" notices at once")[0]) for text in texts if "at once" in text)


@pytest.mark.parametrize("failures", [0, 4])
def test_more_notices_than_are_looked_at_at_once_are_told_in_a_digest(
    core: Core, clock: Clock, api: BotApi, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    """A group takes twenty messages a minute, so that one for each notice would take for ever."""
    kinds = [Kind.UPLOAD_EXPIRED, Kind.DISK_LOW]
    for number in range(500):
        tell(core, f"{number} {'long' * 200}", kinds[number % 2])
    with closing(Sender(PHONE)) as sender:
        delivery = Delivery(core, [sender])
        for _ in range(failures):
            api.answers.extend([500] * 3)
            for _ in range(3):
                clock.pass_seconds(3_600)
                delivery.step()
        clock.pass_seconds(3_600)
        tell(core, "the disk", Kind.DISK_CRITICAL)
        for _ in range(4):
            delivery.step()
            clock.pass_seconds(1)
    assert "the disk" in api.texts[0]
    assert "500" not in api.texts[0]
    assert counted(api.texts) == 400
    assert all(length_of(text) <= MAX_MESSAGE for text in api.texts)
    digest = api.texts[1]
    if failures:
        # One of the texts may be what is refused.
        assert "long" not in digest
        assert sum(map(int, re.findall(r"^(?:disk_low|upload_expired): (\d+)", digest, re.MULTILINE))) == 200
    else:
        assert digest.count("longlong") > 0
        assert "more: disk_low" in digest
    assert (delivery.sent["phone"], delivery.waiting["phone"]) > (400, 100)


def test_a_notice_that_nobody_can_read_stops_no_other(core: Core, clock: Clock, api: BotApi) -> None:
    for kind in (Kind.UPLOAD_EXPIRED, Kind.CARD_UNKNOWN):  # as another version of the service writes them
        add_for(core, PHONE.name, Notice(kind=kind, key=kind, at=clock(), owner=OWNER))
    clock.pass_seconds(60)
    tell(core, "the disk", Kind.DISK_CRITICAL)
    with closing(Sender(PHONE)) as sender:
        delivery = Delivery(core, [sender])
        delivery.step()
        assert ["the disk" in text for text in api.texts] == [True]
        assert (delivery.sent, delivery.given_up) == ({"phone": 1}, {"phone": 2})
        delivery.step()
        assert delivery.waiting == {"phone": 0}


def test_a_clock_that_is_set_back_does_not_stop_the_messages_to_a_chat(core: Core, clock: Clock, api: BotApi) -> None:
    timer = Clock()
    core = replace(core, timer=timer)
    with closing(Sender(PHONE)) as sender:
        delivery = Delivery(core, [sender])
        tell(core, "first", Kind.TEST)
        delivery.step()
        assert len(api.texts) == 1
        clock.pass_seconds(-3_600)
        tell(core, "second", Kind.TEST)
        delivery.step()
        assert len(api.texts) == 1, "a chat takes one message a second"
        timer.pass_seconds(1)
        delivery.step()
        assert len(api.texts) == 2


def test_a_notice_of_a_clock_that_was_ahead_is_sent(core: Core, clock: Clock, api: BotApi) -> None:
    """Of another machine, or of this one before its clock was set right."""
    year = 365 * 86_400
    ahead = Notice(kind=Kind.TEST, key="of another", at=clock() + year * 1_000, facts={"channel": "of another"})
    add_for(core, PHONE.name, ahead)
    clock.pass_seconds(year)
    tell(core, "the disk", Kind.DISK_CRITICAL)
    tell(core, "clip")
    clock.pass_seconds(-year)
    with closing(Sender(PHONE)) as sender:
        delivery = Delivery(core, [sender])
        for _ in range(3):
            delivery.step()
            clock.pass_seconds(1)
    told = "\n".join(api.texts)
    assert [each in told for each in ("of another", "the disk", "clip")] == [True] * 3
