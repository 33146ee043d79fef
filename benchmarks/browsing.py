"""Debian's Chromium for benchmarks: slow networks and processors, and what the browser's own timeline says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.pages.conftest import FLAGS
from tests.pages.visits import DESKTOP

# "Slow 4G", as Lighthouse sets it.
LATENCY_MS, BYTES_PER_SECOND = 150, 1_638_400 // 8
SLOWDOWN = 4

# Collects what the browser reports of a page from its beginning.
_OBSERVE = """
window.seen = {lcp: 0, cls: 0, slow: []};
const watch = (type, add, options = {}) => new PerformanceObserver((list) => list.getEntries().forEach(add))
    .observe({type, buffered: true, ...options});
watch("largest-contentful-paint", (entry) => (window.seen.lcp = entry.startTime));
watch("layout-shift", (entry) => entry.hadRecentInput || (window.seen.cls += entry.value));
watch("event", (entry) => entry.interactionId && window.seen.slow.push(entry.duration), {durationThreshold: 16});
"""
_LOADED = """() => {
    const resources = performance.getEntriesByType("resource");
    const [page] = performance.getEntriesByType("navigation");
    const bytes = (end) => resources.filter((each) => new URL(each.name).pathname.endsWith(end))
        .reduce((sum, each) => sum + each.encodedBodySize, 0);
    const painted = performance.getEntriesByName("first-contentful-paint")[0];
    return {
        ...window.seen,
        script: bytes(".js"),
        style: bytes(".css"),
        requests: resources.length + 1,
        bytes: resources.reduce((sum, each) => sum + each.transferSize, page.transferSize),
        answered: page.responseEnd - page.requestStart,
        painted: painted?.startTime ?? 0,
        elements: document.querySelectorAll("*").length,
    };
}"""
# Times between frames, while the page is scrolled by as much as a hand does.
_SCROLL = """([pixels, frames]) => new Promise((resolve) => {
    const times = [];
    let last;
    const step = (now) => {
        if (last !== undefined) times.push(now - last);
        last = now;
        scrollBy(0, pixels);
        if (times.length < frames) requestAnimationFrame(step);
        else resolve(times);
    };
    requestAnimationFrame(step);
})"""


@dataclass(frozen=True)
class Load:
    """Figures of one load, as the browser tells them."""

    lcp: float
    cls: float
    script: int
    style: int
    requests: int
    bytes: int
    answered: float
    painted: float
    elements: int


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS, timeout=120_000)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visitor(browser: Browser, state: Any = None, **options: Any) -> Iterator[Page]:
    """Open a page of a new profile, with the cookies of ``state``."""
    profile = browser.new_context(**{"viewport": DESKTOP, "locale": "en-GB", "storage_state": state, **options})
    profile.set_default_timeout(120_000)
    profile.add_init_script(_OBSERVE)
    try:
        yield profile.new_page()
    finally:
        profile.close()


def slow_down(page: Page, *, network: bool = True, processor: float = SLOWDOWN) -> None:
    """Give the page a slow network and a slow processor."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    if network:
        rates = {"downloadThroughput": BYTES_PER_SECOND, "uploadThroughput": BYTES_PER_SECOND // 2}
        session.send("Network.emulateNetworkConditions", {"offline": False, "latency": LATENCY_MS, **rates})
    session.send("Emulation.setCPUThrottlingRate", {"rate": processor})


def load(page: Page, url: str) -> Load:
    """Load a page, wait until the network is quiet, and return what was seen."""
    page.goto(url, wait_until="networkidle")
    page.wait_for_timeout(500)
    found = page.evaluate(_LOADED)
    return Load(**{name: found[name] for name in Load.__dataclass_fields__})


def interaction(page: Page) -> float:
    """Return the longest time of an interaction since the last call; less than 16 ms is told as 0."""
    page.wait_for_timeout(400)
    found: list[float] = page.evaluate("() => window.seen.slow.splice(0)")
    return max(found, default=0)


def frame_times(page: Page, *, pixels: int = 60, frames: int = 180) -> list[float]:
    """Scroll for so many frames; return the milliseconds between them."""
    found: list[float] = page.evaluate(_SCROLL, [pixels, frames])
    return found


def heap_mib(page: Page) -> float:
    """Return the memory of the scripts of a page after a collection of garbage."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used: int = session.send("Runtime.getHeapUsage")["usedSize"]
    return used / 2**20
