"""A notifier on memory stores, with a channel to a Bot API on loopback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from files_service.core import Core
from files_service.domain.disk_space import Space
from files_service.services.notices.channels import Channel, Sender
from files_service.services.opening import open_lists
from files_service.worker.notices import NoticeWorker
from storage_adapters import JSON, MetadataStore
from tests.clocks import Clock
from tests.cores import call, memory_core
from tests.fakes.telegram import URL
from tests.unit.cards.scenes import CARD, OWNER

PHONE = Channel(name="phone", url=URL)
PLENTY = Space(900 * 10**9, 1000 * 10**9)


def core_at(tmp_path: Path, clock: Clock, store: MetadataStore | None = None) -> Core:
    """A core whose time is a test's."""
    base = memory_core(tmp_path)
    if store is None:
        return replace(base, clock=clock, timer=clock)
    return replace(base, metadata=store, lists=open_lists(base.settings, store), clock=clock, timer=clock)


def notifier_of(
    core: Core,
    *,
    channel: Channel = PHONE,
    seconds: float = 30,
    measure: Callable[[Path], Space] = lambda folder: PLENTY,
) -> NoticeWorker:
    """A new process with one channel."""
    sender = Sender(channel, seconds=seconds)
    places = {"blobs": Path("/")}
    return NoticeWorker(core, [channel], [sender], holder=core.new_id(), places=places, measure=measure)


def run_for(worker: NoticeWorker, clock: Clock, seconds: float, *, step: float = 10) -> None:
    """Let a notifier work while time passes."""
    for _ in range(round(seconds / step)):
        while worker.step() == 0:
            pass
        clock.pass_seconds(step)
    worker.step()


def known_card(core: Core, state: str = "allowed") -> None:
    """A card about which its owner decided; for what is told it was put in long ago."""
    inserted(core)
    call(core, "cards.permit", owner=OWNER, card_id=CARD, state=state)


def inserted(core: Core) -> JSON:
    """A card that is put in."""
    given = {"card_id": CARD, "label": "EOS", "size_bytes": 64 * 10**9}
    return call(core, "cards.inserted", owner=OWNER, card=given, host="desk")
