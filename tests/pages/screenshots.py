"""``python -m tests.pages.screenshots FOLDER``: a picture of every screen, in both themes, on a phone and a desktop."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.pages.conftest import launch_chromium
from tests.pages.house import House, open_house
from tests.pages.screens import SCREENS, Look
from tests.pages.visits import DESKTOP, PHONE, Visits

WINDOWS: dict[str, dict[str, Any]] = {"360": {"viewport": PHONE, "has_touch": True}, "1280": {"viewport": DESKTOP}}


def take(browser: Browser, house: House, folder: Path, names: list[str]) -> None:
    """Photograph the screens whose names begin with one of these, or all."""
    folder.mkdir(parents=True, exist_ok=True)
    for theme in ("light", "dark"):
        for width, window in WINDOWS.items():
            with Visits(browser) as visits:
                look = Look(visits, house, {"color_scheme": theme, "reduced_motion": "reduce", **window})
                for screen in SCREENS:
                    if not names or screen.name.startswith(tuple(names)):
                        with look.at(screen) as page:
                            page.screenshot(path=folder / f"{screen.name}-{width}-{theme}.png")


def main() -> None:
    """Start a browser and take the pictures."""
    folder, *names = sys.argv[1:]
    with (
        sync_playwright() as playwright,
        launch_chromium(playwright) as browser,
        tempfile.TemporaryDirectory() as data,
        open_house(Path(data)) as house,
    ):
        take(browser, house, Path(folder), names)


if __name__ == "__main__":
    main()
