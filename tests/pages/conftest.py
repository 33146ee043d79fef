"""Real browsers, and gateways whose pages they open."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.cores import sqlite_core
from tests.gateway.serving import Served, serving
from tests.pages.house import House, open_house
from tests.pages.visits import WAIT_MS, Visits

START_MS = 120_000
# Of a switch that is given twice the last one counts, so all but the last line are Playwright's. That one is the list
# below the address bar, which nobody sees: two pages with scripts for each window, as much as a page of ours.
NO_FEATURES = (
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "DialMediaRouteProvider"),
    *("GlobalMediaControls", "HttpsUpgrades", "LensOverlay", "MediaRouter", "PaintHolding", "OptimizationHints"),
    *("ThirdPartyStoragePartitioning", "BlockOriginHeaderModificationOnRedirect", "NetworkTimeServiceQuerying"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "Translate", "AutoDeElevate", "AimEnabled"),
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup"),
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
    f"--disable-features={','.join(NO_FEATURES)}",
]


# A headless Firefox has the theme and the motion of its profile.
FIREFOX: dict[str, bool | float | str] = {
    "ui.prefersReducedMotion": 1,
    "layout.css.prefers-color-scheme.content-override": 1,
}
DARK_FIREFOX: dict[str, bool | float | str] = {**FIREFOX, "layout.css.prefers-color-scheme.content-override": 0}


def launch_chromium(playwright: Playwright) -> Browser:
    """Start Debian's Chromium."""
    path = shutil.which("chromium")
    assert path is not None, "chromium is missing: make servers"
    return playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=START_MS)


def launch_firefox(playwright: Playwright, preferences: dict[str, bool | float | str]) -> Browser:
    """Start Debian's Firefox, which is driven by WebDriver BiDi."""
    path = shutil.which("firefox-esr")
    assert path is not None, "firefox-esr is missing: make servers"
    return playwright.firefox.launch(
        channel="moz-firefox", executable_path=path, firefox_user_prefs=preferences, timeout=START_MS
    )


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """The driver of the browsers. Ends with these tests: as long as it is open, an event loop runs in this thread."""
    # The default of five seconds is not enough beside others.
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium."""
    with launch_chromium(playwright) as browser:
        yield browser


@pytest.fixture(scope="package")
def firefox(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Firefox, with the light theme and reduced motion."""
    with launch_firefox(playwright, FIREFOX) as browser:
        yield browser


@pytest.fixture
def visits(browser: Browser) -> Iterator[Visits]:
    """Browser profiles, which fail the test when a page of theirs has an error or breaks its policy."""
    with Visits(browser) as visits:
        yield visits


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway on the embedded default, without a worker: tests process files themselves."""
    with serving(sqlite_core(tmp_path_factory.mktemp("data"), chunk_bytes=65_536)) as served:
        yield served


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An installation with people and files, in which every screen has something to show."""
    with open_house(tmp_path_factory.mktemp("house")) as house:
        yield house
