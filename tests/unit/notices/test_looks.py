"""What the notifier looks at: failures of a look, days without a notifier, and clocks that were ahead."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.domain.disk_space import Space
from files_service.services.cards.session import SESSIONS
from files_service.services.files import require
from files_service.services.notices.feed import CONSUMER
from files_service.services.notices.silence import watch
from storage_adapters import Document, SupportsChanges, SupportsDocuments
from tests.clocks import Clock
from tests.cores import processed_file
from tests.fakes.telegram import BotApi
from tests.unit.cards.scenes import OWNER, begun
from tests.unit.notices.scenes import PLENTY, core_at, inserted, notifier_of, run_for

GB = 10**9


@pytest.fixture
def core(tmp_path: Path, clock: Clock) -> Core:
    return core_at(tmp_path, clock)


def test_a_digest_after_some_days_does_not_compare_with_the_day_before(core: Core, clock: Clock, api: BotApi) -> None:
    core = replace(core, settings=replace(core.settings, notice_digest_hour=7))
    run_for(notifier_of(core), clock, 86_400, step=3_600)
    processed_file(core, owner=OWNER)
    run_for(notifier_of(core), clock, 86_400, step=3_600)
    assert ["1 file more than the day before" in text for text in api.texts] == [False, True]
    processed_file(core, owner=OWNER)
    clock.pass_seconds(3 * 86_400)
    run_for(notifier_of(core), clock, 3_600, step=600)
    assert "2 files" in api.texts[2]
    assert "more than the day before" not in api.texts[2]


def test_a_clock_that_was_ahead_ends_neither_digests_nor_levels_of_disks(core: Core, clock: Clock, api: BotApi) -> None:
    timer = itertools.count(0, 2_000).__next__
    core = replace(core, settings=replace(core.settings, notice_digest_hour=7), timer=timer)
    space = [Space(90 * GB, 1000 * GB)]
    worker = notifier_of(core, measure=lambda _: space[0])
    run_for(worker, clock, 120)
    space[0] = PLENTY
    clock.pass_seconds(365 * 86_400)
    run_for(worker, clock, 60)
    clock.pass_seconds(-365 * 86_400)
    told = len(api.texts)
    run_for(worker, clock, 2 * 86_400, step=1_800)
    texts = api.texts[told:]
    assert sum("Enough space again" in text for text in texts) == 1
    assert sum("files, 0 B in all" in text for text in texts) == 2


def test_a_session_that_nobody_can_read_stops_no_notice(
    core: Core, clock: Clock, api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    """Another version of the service has written it."""
    documents = require(core.metadata, SupportsDocuments)
    worker = notifier_of(core)
    run_for(worker, clock, 10)
    foreign = Document(collection=SESSIONS, document_id="a", body={"state": "new", "owner": OWNER}, updated_at=clock())
    documents.put_document(foreign, expected_revision=0)
    watch(core, "a", clock())
    begun(core, 1, 10)
    run_for(worker, clock, 900)
    assert ["Copying stopped 10 minutes ago" in text for text in api.texts] == [True]
    feed = require(core.metadata, SupportsChanges)
    assert feed.checkpoint(CONSUMER) == feed.last_sequence()
    assert {record.message for record in caplog.records} >= {
        "a change is passed over: it cannot be told",
        "a session is not watched: it cannot be read",
    }


def test_a_look_that_fails_keeps_no_notice_from_a_channel(core: Core, clock: Clock, api: BotApi) -> None:
    def fail(_: Path) -> Space:
        raise ValueError("no disk")

    worker = notifier_of(core, measure=fail)
    with pytest.raises(ValueError, match="no disk"):
        worker.step()
    inserted(core)
    for _ in range(2):
        clock.pass_seconds(61)
        with pytest.raises(ValueError, match="no disk"):
            worker.step()
    assert ["Unknown card" in text for text in api.texts] == [True]
