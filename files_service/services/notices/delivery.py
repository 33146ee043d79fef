"""Delivery from the outbox: what a channel has to get within a minute goes in one message.

1. When the first notice of a channel is due, all that wait for it go with it, as far as one message holds them.
2. A notice is noted as sent after the channel took it: a process that dies in between sends it again.
3. A failure puts off all notices of the message, for longer each time, until they are given up after a day.
4. After ``TRIES_TOGETHER`` failures a notice goes alone.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence

from files_service.core import Core
from files_service.domain.notices import CRITICAL, TRIES_TOGETHER, Kind, is_quiet, joined
from files_service.services.notices.channels import Sender
from files_service.services.notices.outbox import due_at, note_dropped, note_failure, note_sent, notice_of, pending
from files_service.services.notices.outdated import is_outdated
from files_service.services.notices.pace import Pace
from files_service.services.notices.posters import poster_of
from files_service.services.notices.texts import text_of
from storage_adapters import Document

logger = logging.getLogger(__name__)


class Delivery:
    """Sender of what is due. The totals are of this process; ``waiting`` and ``oldest_at`` are of the last step."""

    def __init__(self, core: Core, senders: Sequence[Sender], *, may_go_on: Callable[[], bool] = lambda: True) -> None:
        self.sent: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.given_up: Counter[str] = Counter()
        self.waiting: dict[str, int] = {sender.name: 0 for sender in senders}
        self.oldest_at: int | None = None
        self._core, self._senders, self._may_go_on = core, senders, may_go_on
        self._pace = Pace(core.clock)

    def step(self) -> None:
        """Send one message to each channel that has something due."""
        oldest: list[int] = []
        for sender in self._senders:
            entries = [entry for entry in pending(self._core, sender.name) if not self._is_dropped(entry)]
            self.waiting[sender.name] = len(entries)
            oldest += [entry.body["at"] for entry in entries]
            if is_quiet(sender.quiet, self._core.clock()):
                entries = [entry for entry in entries if entry.body["kind"] in CRITICAL]
            is_due = bool(entries) and due_at(entries[0]) <= self._core.clock()
            if is_due and self._may_go_on() and self._pace.admits(sender.chats):
                self._send(sender, entries)
        self.oldest_at = min(oldest, default=None)

    def _is_dropped(self, entry: Document) -> bool:
        """Drop a notice that is due and not true any more; return False for any other."""
        if due_at(entry) > self._core.clock() or not is_outdated(self._core, notice_of(entry)):
            return False
        note_dropped(self._core, entry)
        return True

    def _send(self, sender: Sender, entries: Sequence[Document]) -> None:
        batch = _together(entries)
        texts = [(Kind(entry.body["kind"]), text_of(notice_of(entry))) for entry in batch]
        message, count = joined(texts)
        batch = batch[:count]
        # A picture that a channel refuses must not hold up the text.
        is_first = all(entry.body["tries"] == 0 for entry in batch)
        poster = poster_of(self._core, [notice_of(entry) for entry in batch]) if is_first else None
        self._pace.note(sender.chats)
        if sender.send(message, poster):
            for entry in batch:
                note_sent(self._core, entry)
            self.sent[sender.name] += len(batch)
            return
        self.failed[sender.name] += 1
        given_up = sum(note_failure(self._core, entry) for entry in batch)
        self.given_up[sender.name] += given_up
        extra = {"channel": sender.name, "notices": len(batch), "given_up": given_up}
        logger.warning("a channel does not take a notice", extra=extra)


def _together(entries: Sequence[Document]) -> list[Document]:
    """Return what goes in one message with the first entry."""
    if entries[0].body["tries"] >= TRIES_TOGETHER:
        return [entries[0]]
    together = [entry for entry in entries if entry.body["tries"] < TRIES_TOGETHER]
    return sorted(together, key=lambda entry: entry.body["at"])
