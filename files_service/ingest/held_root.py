"""The root of a card, held for the time of a run: another card there may have the same names, sizes and times."""

from __future__ import annotations

import os

from files_service.ingest.card import Card
from files_service.ingest.identity import FOLDER, identify, medium_of
from files_service.ingest.reader import DeviceGone, Exchanged


class HeldRoot:
    """The root of a card. While it is open, its folder keeps its number, which some file systems only make up."""

    def __init__(self, card: Card) -> None:
        self._card = card
        try:
            self._descriptor: int | None = os.open(card.root, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
            self._medium = medium_of(card.root)
        except OSError as error:
            raise DeviceGone(f"cannot read {card.root}: {error.strerror}") from error

    def require_same(self) -> None:
        """Raise Exchanged when another card is in the place, and DeviceGone when none is."""
        assert self._descriptor is not None
        root = self._card.root
        try:
            is_same = os.path.samestat(os.fstat(self._descriptor), root.stat()) and medium_of(root) == self._medium
            if self._card.fs_type != FOLDER:
                # The card may have waited for its turn.
                found = identify(root)
                is_same = is_same and (found.fs_uuid, found.size_bytes) == (self._card.fs_uuid, self._card.size_bytes)
        except OSError as error:
            raise DeviceGone(f"the card at {root} is gone") from error
        if not is_same:
            raise Exchanged(root)

    def close(self) -> None:
        """Let the card be unmounted."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
