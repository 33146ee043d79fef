"""Delivery from the outbox: what a channel has to get within a minute goes in one message.

1. When the first notice of a channel is due, all that wait for it go with it, as far as one message holds them.
2. A notice is noted as sent after the channel took it: a process that dies in between sends it again.
3. A failure puts off all notices of the message, for longer each time, until they are given up after a day.
4. After ``TRIES_TOGETHER`` failures a notice goes alone.
5. The channels of owners come after those of the installation. They are opened when they have something due. All are
   told side by side; one that hangs is waited for once, and looked at later from then on.
6. Where more than ``BATCH`` notices are due, one message tells them all: what does not fit is counted.
7. What falls into quiet hours is put off, so that it stands before no other notice, a critical one among them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jinja2 import TemplateError

from files_service.core import Core
from files_service.domain.notices import (
    CRITICAL,
    FIRST_RETRY_MS,
    SHOWN_OF_A_KIND,
    TRIES_TOGETHER,
    Kind,
    digest_of,
    joined,
    quiet_until,
)
from files_service.services.notices.channels import BadChannel, Channel, Sender
from files_service.services.notices.flights import Flight, Flights
from files_service.services.notices.outbox import (
    BATCH,
    due_at,
    is_due,
    note_dropped,
    note_failure,
    note_sent,
    note_unreadable,
    notice_of,
    pending,
    postpone,
)
from files_service.services.notices.outdated import is_outdated
from files_service.services.notices.pace import GROUP_MESSAGES, Pace
from files_service.services.notices.personal import MARK, find_by_key
from files_service.services.notices.posters import poster_of
from files_service.services.notices.texts import text_of
from storage_adapters import Document

logger = logging.getLogger(__name__)

_UNREADABLE = (KeyError, ValueError, TypeError, TemplateError)

# A channel of an owner has so long to take a message.
OWNER_SECONDS = 10.0


class Delivery:
    """Sender of what is due. The totals are of this process; ``waiting`` and ``oldest_at`` are of the last step."""

    def __init__(self, core: Core, senders: Sequence[Sender], *, may_go_on: Callable[[], bool] = lambda: True) -> None:
        self.sent: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.given_up: Counter[str] = Counter()
        self.waiting: dict[str, int] = {sender.name: 0 for sender in senders}
        if core.settings.notice_services:
            self.waiting[MARK] = 0
        self.oldest_at: int | None = None
        self._core, self._senders, self._may_go_on = core, senders, may_go_on
        self._pace = Pace(core.timer)
        self._flights = Flights(self._note_taken, self._note_refused)
        # Of this step: notices that a channel did not take.
        self._refused: dict[str, Sequence[Document]] = {}

    def step(self) -> None:
        """Send one message to each channel that has something due."""
        self._refused.clear()
        self._flights.land(wait=False)
        oldest: list[int] = []
        for sender in self._senders:
            found = pending(self._core, sender.name)
            entries = self._true(found, sender.name)
            self.waiting[sender.name] = len(entries)
            oldest += [entry.body["at"] for entry in entries]
            if self._flights.entries_of(sender.name):
                continue
            entries, now = self._loud(entries, sender.quiet), self._core.clock()
            first = next((entry for entry in entries if is_due(entry, now)), None)
            if first is not None and self._may_go_on():
                batch = self._together(first, entries, is_flood=_is_flood(found, now))
                self._send(sender, sender.name, batch)
        self._flights.land(wait=True)
        if MARK in self.waiting:
            oldest += self._step_of_owners()
        self.oldest_at = min(oldest, default=None)

    def _step_of_owners(self) -> list[int]:
        """Send to the channels of owners what is due; return the times of all that waits."""
        found = pending(self._core, MARK)
        entries = self._true(found, MARK)
        self.waiting[MARK] = len(entries)
        batches: dict[str, list[Document]] = {}
        for entry in entries:
            batches.setdefault(entry.body["channel"], []).append(entry)
        is_flood = _is_flood(found, self._core.clock())
        for key, batch in batches.items():
            is_any_due = any(is_due(entry, self._core.clock()) for entry in batch)
            if is_any_due and self._may_go_on() and self._flights.has_room():
                self._send_to_owner(key, batch, is_flood=is_flood)
        self._flights.land(wait=True)
        for key, batch in batches.items() if len(found) == BATCH else ():
            tried = [*self._refused.get(key, ()), *self._flights.entries_of(key)]
            if tried:
                self._make_way(batch, tried)
        return [entry.body["at"] for entry in entries]

    def _make_way(self, entries: Sequence[Document], tried: Sequence[Document]) -> None:
        """Put off the other notices of a channel that does not take one: those of other owners stand behind them."""
        until = self._core.clock() + FIRST_RETRY_MS
        for entry in entries:
            if entry not in tried and due_at(entry) < until:
                postpone(self._core, entry, until)

    def _send_to_owner(self, key: str, entries: Sequence[Document], *, is_flood: bool) -> None:
        """Begin to send what is due, unless a message is on its way."""
        if self._flights.entries_of(key):
            return
        document = find_by_key(self._core, key)
        if document is None:
            for entry in entries:
                note_dropped(self._core, entry)
            return
        hours = document.body["quiet_hours"]
        loud = self._loud(entries, tuple(hours) if hours else None)
        if not loud:
            return
        sender = self._flights.late_sender(key)
        try:
            sender = sender or Sender(Channel(name=key, url=document.body["url"]), seconds=OWNER_SECONDS)
        except BadChannel:
            self._note_failure(loud, key, MARK)
            return
        batch = self._together(loud[0], loud, is_flood=is_flood and len(loud) > GROUP_MESSAGES)
        if not self._send(sender, MARK, batch) and sender is not self._flights.late_sender(key):
            sender.close()

    def _loud(self, entries: Sequence[Document], quiet: tuple[int, int] | None) -> list[Document]:
        """Return what may be told now; put off what falls into quiet hours."""
        now = self._core.clock()
        until = quiet_until(quiet, now)
        if until == now:
            return list(entries)
        loud = [entry for entry in entries if entry.body["kind"] in CRITICAL]
        for entry in entries:
            if entry.body["kind"] not in CRITICAL and due_at(entry) < until:
                postpone(self._core, entry, until)
        return loud

    def _true(self, entries: Sequence[Document], label: str) -> list[Document]:
        """Drop the notices that are due and not true any more; return the others."""
        kept = []
        for entry in entries:
            try:
                is_dropped = is_due(entry, self._core.clock()) and is_outdated(self._core, notice_of(entry))
            except _UNREADABLE as error:
                self._give_up(entry, label, error)
                continue
            if is_dropped:
                note_dropped(self._core, entry)
            else:
                kept.append(entry)
        return kept

    def _give_up(self, entry: Document, label: str, error: Exception) -> None:
        """Give up a notice of another version of the service: it must not stop those of all channels."""
        extra = {"notice": entry.document_id, "error": f"{type(error).__name__}: {error}"}
        logger.error("a notice cannot be read", extra=extra)
        note_unreadable(self._core, entry)
        self.given_up[label] += 1

    def _texts(self, entries: Sequence[Document], label: str) -> list[tuple[Document, str]]:
        """Return the notices with their texts; drop those that are not true any more, which may not be due yet."""
        found = []
        for entry in entries:
            try:
                notice = notice_of(entry)
                if is_outdated(self._core, notice):
                    note_dropped(self._core, entry)
                else:
                    found.append((entry, text_of(notice)))
            except _UNREADABLE as error:
                self._give_up(entry, label, error)
        return found

    def _send(self, sender: Sender, label: str, batch: _Batch) -> bool:
        """Begin to send one message of the first notices; return False when there is none on its way."""
        if not self._pace.admits(sender.chats):
            return False
        found = self._texts(batch.entries, label)
        if not found:
            return False
        texts = [(Kind(entry.body["kind"]), text) for entry, text in found]
        tries = max(entry.body["tries"] for entry, _ in found)
        if batch.is_digest:
            # After failures without any text, one of which may be what is refused.
            message, count = digest_of(texts, shown=0 if tries >= TRIES_TOGETHER else SHOWN_OF_A_KIND), len(texts)
        else:
            message, count = joined(texts)
        entries = [entry for entry, _ in found[:count]]
        # A picture that a channel refuses must not hold up the text.
        poster = None if tries else poster_of(self._core, [notice_of(entry) for entry in entries])
        self._pace.note(sender.chats)
        flight = Flight(key=sender.name, sender=sender, label=label, entries=entries, closes=label == MARK)
        if self._flights.begin(flight, message, poster):
            return True
        self._note_refused(flight)
        return False

    def _note_taken(self, flight: Flight) -> None:
        for entry in flight.entries:
            note_sent(self._core, entry)
        self.sent[flight.label] += len(flight.entries)

    def _note_refused(self, flight: Flight) -> None:
        self._note_failure(flight.entries, flight.key, flight.label)

    def _note_failure(self, batch: Sequence[Document], name: str, label: str) -> None:
        self._refused[name] = batch
        self.failed[label] += 1
        given_up = sum(note_failure(self._core, entry) for entry in batch)
        self.given_up[label] += given_up
        extra = {"channel": name, "notices": len(batch), "given_up": given_up}
        logger.warning("a channel does not take a notice", extra=extra)

    def _together(self, first: Document, entries: Sequence[Document], *, is_flood: bool) -> _Batch:
        """Return what goes in one message with a notice, critical ones first, and never in a digest."""
        if is_flood:
            due = [entry for entry in entries if is_due(entry, self._core.clock())]
            entries = [entry for entry in due if entry.body["kind"] in CRITICAL]
            if not entries:
                return _Batch(due, is_digest=True)
            first = entries[0]
        if first.body["tries"] >= TRIES_TOGETHER:
            return _Batch([first])
        together = [entry for entry in entries if entry.body["tries"] < TRIES_TOGETHER]
        return _Batch(sorted(together, key=lambda entry: (entry.body["kind"] not in CRITICAL, entry.body["at"])))


@dataclass(frozen=True, slots=True)
class _Batch:
    """Entries of one message, as far as one holds them; a digest holds all."""

    entries: Sequence[Document]
    is_digest: bool = False


def _is_flood(found: Sequence[Document], now: int) -> bool:
    """Return True when more are due than is looked at at once."""
    return len(found) == BATCH and is_due(found[-1], now)
