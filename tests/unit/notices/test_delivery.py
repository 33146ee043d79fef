"""Delivery of many notices, and beside clocks that are set."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.domain.notices import Kind, Notice
from files_service.services.notices import outbox
from files_service.services.notices.channels import Sender
from files_service.services.notices.delivery import Delivery
from files_service.services.notices.outbox import add_for
from tests.clocks import Clock
from tests.fakes.telegram import BotApi
from tests.unit.cards.scenes import OWNER
from tests.unit.notices.scenes import PHONE, core_at


@pytest.fixture
def core(tmp_path: Path, clock: Clock) -> Core:
    return core_at(tmp_path, clock)


def tell(core: Core, name: str, kind: Kind = Kind.UPLOAD_EXPIRED) -> None:
    """Add a notice that is due in a minute at the latest."""
    facts = {"name": name, "channel": name, "path": None, "size": 1}
    facts |= {"disk": name, "free": 1, "total": 100, "days_left": None}
    add_for(core, PHONE.name, Notice(kind=kind, key=name, at=core.clock(), owner=OWNER, facts=facts))


def test_many_notices_in_quiet_hours_do_not_hide_a_critical_one(
    core: Core, clock: Clock, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test begins at 22:13 UTC."""
    monkeypatch.setattr(outbox, "BATCH", 3)
    for number in range(7):
        tell(core, f"clip {number}")
    clock.pass_seconds(600)
    tell(core, "the disk", Kind.DISK_CRITICAL)
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
