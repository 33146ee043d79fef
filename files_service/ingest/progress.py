"""Progress of a card as its reader tells it; what shows it is a subclass."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from files_service.domain.cards import Tally
from files_service.ingest.card import Card
from files_service.ingest.entries import Entry

logger = logging.getLogger(__name__)


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


class Unbroken(Progress):
    """Progress that goes on without its listener from the first fault on: the card is taken also when nobody reads."""

    def __init__(self, listener: Progress) -> None:
        self._listener = listener

    def planned(self, card: Card, *, files: int, size: int, clips: int) -> None:
        """See ``Progress``."""
        self._tell(lambda to: to.planned(card, files=files, size=size, clips=clips))

    def sorted(self, found: Sorting) -> None:
        """See ``Progress``."""
        self._tell(lambda to: to.sorted(found))

    def began(self, path: str, size: int) -> None:
        """See ``Progress``."""
        self._tell(lambda to: to.began(path, size))

    def moved(self, path: str, count: int) -> None:
        """See ``Progress``."""
        self._tell(lambda to: to.moved(path, count))

    def ended(self, entry: Entry) -> None:
        """See ``Progress``."""
        self._tell(lambda to: to.ended(entry))

    def reread(self, count: int, size: int) -> None:
        """See ``Progress``."""
        self._tell(lambda to: to.reread(count, size))

    def said(self, text: str) -> None:
        """See ``Progress``."""
        self._tell(lambda to: to.said(text))

    def _tell(self, tell: Callable[[Progress], None]) -> None:
        try:
            tell(self._listener)
        except Exception:
            logger.exception("the progress of a card is shown no more")
            self._listener = Progress()
