"""Each screen in each state: nothing breaks a rule of accessibility, and everything fits."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import pytest
from playwright.sync_api import Browser, Playwright

from tests.pages.conftest import DARK_FIREFOX, launch_firefox
from tests.pages.house import House
from tests.pages.inspection import FINGER_PX, MOUSE_PX, misfits, violations
from tests.pages.screens import SCREENS, Look, Screen
from tests.pages.visits import Visits
from tests.scale import NIGHTLY

# At 200 % a window of 1280 x 720 has half of its pixels.
WINDOWS: dict[str, dict[str, Any]] = {
    "phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True},
    "tablet": {"viewport": {"width": 768, "height": 1024}, "has_touch": True},
    "desktop": {"viewport": {"width": 1440, "height": 900}},
    "zoomed": {"viewport": {"width": 640, "height": 360}, "device_scale_factor": 2},
}
LOOKS = [(theme, window) for theme in ("light", "dark") for window in WINDOWS]


def screens_of(look: int) -> list[Screen]:
    """All screens; by day half of them, each in one look of its own, chosen by its name."""
    return [each for each in SCREENS if NIGHTLY or crc32(each.name.encode()) % (2 * len(LOOKS)) == look]


def faults_of(visits: Visits, house: House, theme: str, window: str, screens: list[Screen]) -> dict[str, list[str]]:
    """What is wrong with screens that are looked at in one way."""
    options = {"color_scheme": theme, "reduced_motion": "reduce", **WINDOWS[window]}
    look, found = Look(visits, house, options), {}
    for screen in screens:
        with look.at(screen) as page:
            touched = page.evaluate("matchMedia('(hover: none)').matches")
            smallest = FINGER_PX if touched else MOUSE_PX
            faults = [*violations(page), *misfits(page, smallest), *visits.faults]
            visits.faults.clear()
        if faults:
            found[screen.name] = faults
    return found


@pytest.mark.parametrize(("theme", "window"), LOOKS, ids=["-".join(each) for each in LOOKS])
def test_every_screen_is_accessible_and_fits(visits: Visits, house: House, theme: str, window: str) -> None:
    assert faults_of(visits, house, theme, window, screens_of(LOOKS.index((theme, window)))) == {}


def test_every_kind_of_screen_opens_in_firefox(firefox: Browser, house: House) -> None:
    kinds = {each.path: each for each in reversed(SCREENS)}
    by_day = [each for each in kinds.values() if NIGHTLY or crc32(each.name.encode()) % 4 == 0]
    with Visits(firefox) as visits:
        assert faults_of(visits, house, "light", "desktop", by_day) == {}


@pytest.mark.nightly
def test_every_screen_is_accessible_in_a_dark_firefox(playwright: Playwright, house: House) -> None:
    with launch_firefox(playwright, DARK_FIREFOX) as browser, Visits(browser) as visits:
        assert faults_of(visits, house, "dark", "zoomed", list(SCREENS)) == {}
