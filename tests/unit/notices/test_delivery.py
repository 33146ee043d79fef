"""Delivery of many notices, and beside clocks that are set."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.domain.notices import Kind, Notice
from files_service.services.notices import delivery as delivery_module
from files_service.services.notices import outbox
from files_service.services.notices.channels import Sender
from files_service.services.notices.delivery import Delivery
from files_service.services.notices.outbox import add_for, add_notices
from tests.clocks import Clock
from tests.cores import call
from tests.fakes.telegram import URL, BotApi
from tests.unit.cards.scenes import OWNER
from tests.unit.notices.scenes import PHONE, core_at


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
