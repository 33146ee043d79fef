"""A real browser, and gateways whose pages it opens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.cores import sqlite_core
from tests.gateway.serving import Served, serving
from tests.pages.visits import WAIT_MS, Visits

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Ends with these tests: as long as it is open, an event loop runs in this thread."""
    path = shutil.which("chromium")
    assert path is not None, "chromium is missing: make servers"
    # The default of five seconds is not enough beside others.
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=120_000)
        yield browser
        browser.close()


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
