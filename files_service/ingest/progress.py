"""Progress of a card as its reader tells it; what shows it is a subclass."""

from __future__ import annotations

from dataclasses import dataclass

from files_service.domain.cards import Tally
from files_service.ingest.card import Card
from files_service.ingest.entries import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorting:
    """Files of a card by what is to be done: sent, or nothing, as the service or an earlier run knows them."""

    new: Tally
    known: Tally
    brought: Tally


class Progress:
    """Listener to one card. Each method does nothing here. Called in one thread."""

    def planned(self, card: Card, *, files: int, size: int, clips: int) -> None:
        """Note that the card was listed."""

    def sorted(self, found: Sorting) -> None:
        """Note that the service was asked which files it has."""

    def began(self, path: str, size: int) -> None:
        """Note that a file is being sent."""

    def moved(self, path: str, count: int) -> None:
        """Note that so many more bytes of a file are on the stable storage of the service."""

    def ended(self, entry: Entry) -> None:
        """Note what became of a file."""

    def reread(self, count: int, size: int) -> None:
        """Note that so many more bytes of ``size`` were read a second time; none at the beginning."""

    def said(self, text: str) -> None:
        """Show a line for people."""
