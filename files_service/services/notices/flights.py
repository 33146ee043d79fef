"""Messages on their way to channels, side by side: one that hangs holds up the others once, and then no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from files_service.services.notices.channels import Poster, Sender
from storage_adapters import Document

AT_ONCE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """A message to a channel: its notices, and the label under which they are counted.

    The sender of a channel of an owner is closed after the message.
    """

    key: str
    sender: Sender
    label: str
    entries: Sequence[Document]
    closes: bool


class Flights:
    """The messages on their way, one to a channel."""

    def __init__(self, on_taken: Callable[[Flight], None], on_refused: Callable[[Flight], None]) -> None:
        self._on_taken, self._on_refused = on_taken, on_refused
        self._flights: dict[str, Flight] = {}
        # Channels that did not answer in time when they were waited for: they are looked at, not waited for.
        self._slow: set[str] = set()
        # Senders of owners whose message is late: none is opened for the same channel meanwhile.
        self._late: dict[str, Sender] = {}

    def entries_of(self, key: str) -> Sequence[Document]:
        """Return the notices that are on their way to a channel, none when its last message was taken, or is late."""
        return self._flights[key].entries if key in self._flights else ()

    def late_sender(self, key: str) -> Sender | None:
        """Return the sender of a channel of an owner whose last message is late."""
        return self._late.get(key)

    def has_room(self) -> bool:
        """Return True when another message may be begun."""
        return len(self._flights) + len(self._late) < AT_ONCE

    def begin(self, flight: Flight, text: str, poster: Poster | None) -> bool:
        """Begin to send; return False while the last message of the channel hangs."""
        if not flight.sender.begin(text, poster):
            return False
        self._flights[flight.key] = flight
        return True

    def land(self, *, wait: bool) -> None:
        """Tell of the messages that have ended; with ``wait``, wait for those of channels that are not slow."""
        for key, flight in list(self._flights.items()):
            is_taken = flight.sender.outcome(wait=wait and key not in self._slow)
            if is_taken is None:
                continue
            is_late = flight.sender.is_hanging()
            (self._slow.add if is_late else self._slow.discard)(key)
            (self._on_taken if is_taken else self._on_refused)(flight)
            del self._flights[key]
            if flight.closes:
                self._late[key] = flight.sender
        for key, sender in list(self._late.items()):
            if not sender.is_hanging():
                sender.close()
                del self._late[key]
