"""Hands of a user in a browser: each click and each key is counted, and the seconds until the answer is seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page

# A stroke of a key, and a movement with a click, of a practised user: the keystroke-level model.
_KEY_SECONDS, _CLICK_SECONDS = 0.28, 1.3


@dataclass
class Hands:
    """A user before a page."""

    page: Page
    clicks: int = 0
    keys: int = 0
    seconds: float = 0.0

    def click(self, place: Locator) -> None:
        """Click once."""
        place.click()
        self.clicks += 1

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self.page.keyboard.type(text)
        self.keys += len(text)

    def press(self, key: str) -> None:
        """Press a key, alone or with another one held."""
        self.page.keyboard.press(key)
        self.keys += 1

    def replace(self, place: Locator, text: str) -> None:
        """Click into a field and type over what it has."""
        self.click(place)
        self.press("Control+a")
        self.type(text)

    def choose(self, button: Locator, path: Path) -> None:
        """Choose a file by a button: one click on it, one in the dialog of the system."""
        with self.page.expect_file_chooser() as chooser:
            button.click()
        chooser.value.set_files(path)
        self.clicks += 2

    def do(self, task: Callable[[Hands], None]) -> None:
        """Do a task, from the first click until its answer is seen."""
        start = time.monotonic()
        task(self)
        self.seconds = time.monotonic() - start

    @property
    def of_a_person(self) -> float:
        """Seconds of a person's hands, by the keystroke-level model, without thinking and waiting."""
        return self.clicks * _CLICK_SECONDS + self.keys * _KEY_SECONDS
