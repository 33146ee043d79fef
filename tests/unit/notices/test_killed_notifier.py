"""A notifier that dies at each of its store calls: the next one loses nothing, and repeats a message at most once."""

from __future__ import annotations

import contextlib
from pathlib import Path

from files_service.domain.disk_space import Space
from files_service.worker.notices import NoticeWorker
from tests.clocks import Clock
from tests.cores import call
from tests.fakes.telegram import BotApi
from tests.scale import NIGHTLY
from tests.unit.cards.scenes import begun
from tests.unit.killable import KillableStore, Killed, killable
from tests.unit.notices.scenes import core_at, inserted, known_card, notifier_of

LINES = ("Card inserted: EOS", "Card copied: EOS", "Little space on the disk")
SCARCE = Space(90 * 10**9, 1000 * 10**9)


class FeedStore(KillableStore):
    """Dies in the calls of a consumer of the feed, too."""


for _name in ("changes", "checkpoint", "move_checkpoint", "has_changes_behind", "get_document", "usage"):
    setattr(FeedStore, _name, killable(_name))


def work(worker: NoticeWorker, clock: Clock, seconds: int) -> None:
    for _ in range(0, seconds, 30):
        worker.step()
        clock.pass_seconds(30)


def run(tmp_path: Path, point: int) -> int:
    """Let a notifier die at a point and another one go on; return how many points were left."""
    clock, store = Clock(), FeedStore()
    core = core_at(tmp_path, clock, store)
    known_card(core)
    notifier_of(core, measure=lambda folder: SCARCE)._feed.step()
    clock.pass_seconds(200)
    inserted(core)
    session_id = begun(core, 1, 10)["session_id"]
    call(core, "cards.progress", session_id=session_id, state="uploaded")
    store.left = point
    with contextlib.suppress(Killed):
        work(notifier_of(core, measure=lambda folder: SCARCE), clock, 120)
    left, store.left = store.left, -1
    work(notifier_of(core, measure=lambda folder: SCARCE), clock, 360)
    return left


def test_nothing_is_lost_wherever_a_notifier_dies(tmp_path: Path, api: BotApi) -> None:
    points = 10_000 - run(tmp_path, 10_000)
    assert points > 40
    told = "\n".join(api.texts)
    assert [told.count(line) for line in LINES] == [1, 1, 1]
    for point in range(1, points + 1, 1 if NIGHTLY else 3):
        api.texts.clear()
        run(tmp_path, point)
        told = "\n".join(api.texts)
        counts = [told.count(line) for line in LINES]
        assert all(1 <= count <= 2 for count in counts), (point, counts)
