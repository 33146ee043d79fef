"""The pages in Debian's Chromium: bytes, first paint on a slow phone, interactions, ten thousand items.

``python -m benchmarks pages``. The budgets stand beside the figures.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Page

from benchmarks.browsing import (
    BYTES_PER_SECOND,
    LATENCY_MS,
    SLOWDOWN,
    Load,
    chromium,
    frame_times,
    heap_mib,
    interaction,
    load,
    slow_down,
    visitor,
)
from benchmarks.processes import free_port, running, wait_for_port
from benchmarks.tables import Table, busy, percentile, spread
from files_service.gateway.pages.assets import packed_bytes
from tests.cores import SECRETS, call, sqlite_core
from tests.pages.landscapes import drawn
from tests.pages.plenty import count_all, fill, model
from tests.pages.visits import PHONE, sign_in_path

FILES = 10_000
ROUNDS = 3
_OWNER, _PICTURES = "ann", 24
_TAKE = """async ([count]) => {
    const { take } = await import(`${document.body.dataset.base}/static/tray.js`);
    const files = Array.from({length: count}, (_, number) => {
        const file = new File([`clip ${number}`.padEnd(1000)], `clip ${number}.bin`);
        return {file, path: `holiday/clip ${number}.bin`};
    });
    const start = performance.now();
    take(files, "");
    return performance.now() - start;
}"""


@dataclass(frozen=True)
class _Site:
    """A gateway whose owner has many files, and the addresses that are looked at."""

    url: str
    link: str
    state: Any

    @property
    def pages(self) -> dict[str, tuple[str, bool]]:
        """Addresses by name, and whether somebody is signed in there."""
        return {
            "Files": ("/", True),
            "Photos": ("/photos", True),
            "share page, a picture": (self.link, False),
            "sign-in": ("/", False),
        }

    def visit(self, browser: Browser, signed_in: bool = True, **options: Any) -> Any:
        """Open a page in a new profile."""
        return visitor(browser, self.state if signed_in else None, **options)


def measure(files: int = FILES, rounds: int = ROUNDS) -> Iterator[Table]:
    """Fill a store, start a gateway, and look at its pages."""
    with chromium() as browser, tempfile.TemporaryDirectory() as folder, _site(browser, Path(folder), files) as site:
        yield from _loads(browser, site, rounds)
        yield _interactions(browser, site, rounds)
        yield _plenty(browser, site, files, rounds)
        yield _tray(browser, site, files)


@contextmanager
def _site(browser: Browser, folder: Path, files: int) -> Iterator[_Site]:
    core = sqlite_core(folder)
    made = [drawn(number) for number in range(_PICTURES)]
    models = [
        model(core, f"DSC{number}.jpg", each.jpeg, "image/jpeg", **each.previews) for number, each in enumerate(made)
    ]
    # Some thirty a day: two thousand in a year.
    fill(core, _OWNER, files, models, apart_ms=48 * 60_000)
    count_all(core)
    [first] = call(core, "files.list", owner=_OWNER, limit=1)["files"]
    share = call(core, "shares.create", owner=_OWNER, items=[first["file_id"]])
    core.close()
    port = free_port()
    environ = {**SECRETS, "FILES_DATA_DIR": str(folder), "FILES_HTTP": f"127.0.0.1:{port}"}
    with running("-m", "files_service.cli", "gateway", log=folder / "gateway.log", **environ):
        wait_for_port(port)
        url = f"http://127.0.0.1:{port}"
        with visitor(browser) as page:
            page.goto(url + sign_in_path(_OWNER))
            page.get_by_role("button", name="Sign in by the link").click()
            page.wait_for_url(url + "/")
            state = page.context.storage_state()
        yield _Site(url, f"/s/{share['key']}", state)


def _loads(browser: Browser, site: _Site, rounds: int) -> Iterator[Table]:
    """Measure first visits: nothing is in a cache."""
    found: dict[str, list[Load]] = {name: [] for name in site.pages}
    for _ in range(rounds):
        for name, (path, signed_in) in site.pages.items():
            with site.visit(browser, signed_in, viewport=PHONE) as page:
                slow_down(page)
                found[name].append(load(page, site.url + path))
    yield _bytes(found)
    table = Table(
        "First visit of a slow phone",
        ["page", "LCP, ms (at most 2,000)", "CLS (at most 0.05)", "kB over the line", "requests"],
        note=(
            f"360x740, cache empty, {LATENCY_MS} ms for each request, {BYTES_PER_SECOND * 8 / 1e6:.1f} Mbit/s (slow 4G "
            f"of Lighthouse), processor {SLOWDOWN} times slower. LCP is the largest contentful paint, CLS the sum of "
            "layout shifts, both by the browser's own timeline. "
            f"Median (least-greatest) of {rounds} rounds, all pages in turns. {busy()}"
        ),
    )
    for name, each in found.items():
        table.rows.append(
            [
                name,
                spread([one.lcp for one in each]),
                f"{max(one.cls for one in each):.3f}",
                f"{median(one.bytes for one in each) / 1000:.0f}",
                f"{median(one.requests for one in each):.0f}",
            ]
        )
    yield table


def _bytes(found: dict[str, list[Load]]) -> Table:
    table = Table(
        "Bytes of scripts and styles",
        ["page", "scripts, kB", "at most", "styles, kB", "at most"],
        note="As they come over the line, compressed by gzip. All scripts together: see the last line.",
    )
    for name, each in found.items():
        most = "25" if name.startswith("share") else "60"
        table.rows.append([name, f"{each[0].script / 1000:.1f}", most, f"{each[0].style / 1000:.1f}", "15"])
    table.rows.append(
        [
            "all files of the package",
            f"{packed_bytes('.js') / 1000:.1f}",
            "60",
            f"{packed_bytes('.css') / 1000:.1f}",
            "15",
        ]
    )
    return table


def _interactions(browser: Browser, site: _Site, rounds: int) -> Table:
    table = Table(
        "Interactions",
        ["what", "longest, ms (at most 200)"],
        note=(
            "From the press of a key or button to the next paint, by the Event Timing API of the browser; processor "
            f"{SLOWDOWN} times slower, a phone's screen. Below 16 ms the browser tells nothing. "
            f"Median (least-greatest) of {rounds} rounds; the press "
            f"on nothing is the limit of the machine. {busy()}"
        ),
    )
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        with site.visit(browser, viewport=PHONE, has_touch=True) as page:
            slow_down(page, network=False)
            page.goto(site.url + "/", wait_until="networkidle")
            interaction(page)
            for name, act in _acts(page).items():
                act()
                found.setdefault(name, []).append(interaction(page))
    table.rows.extend([name, spread(each)] for name, each in found.items())
    return table


def _acts(page: Page) -> dict[str, Callable[[], Any]]:
    first = page.locator(".file").first
    menu = first.locator(".menu summary")
    search = page.get_by_role("searchbox")
    return {
        "press on nothing": page.locator("h1").click,
        "select a file": lambda: first.locator(".choose").click(),
        "select all of the page by Ctrl+A": lambda: page.keyboard.press("Control+a"),
        "clear the selection": lambda: page.locator(".chosen").get_by_role("button", name="Clear").click(),
        "open a menu": menu.click,
        "open the share dialog": lambda: page.locator(".menu[open] .share").click(),
        "type in the dialog": lambda: page.get_by_label("Password").press_sequentially("winter sun"),
        "close the dialog": lambda: page.locator("dialog").get_by_role("button", name="Cancel").click(),
        "type in the search": lambda: search.press_sequentially("DSC00012"),
        "search": lambda: search.press("Enter"),
        "go to Photos": lambda: page.locator(".map").get_by_role("link", name="Photos").first.click(),
        "open a picture": lambda: page.locator(".photo").nth(2).click(),
        "next picture": lambda: page.keyboard.press("ArrowRight"),
        "close the picture": lambda: page.keyboard.press("Escape"),
    }


def _plenty(browser: Browser, site: _Site, files: int, rounds: int) -> Table:
    table = Table(
        f"{files:,} files and photos",
        [
            "what",
            "answered, ms",
            "first paint, ms (at most 300)",
            "elements",
            "ms between frames: median / p95",
            "frames a second",
        ],
        note=(
            "1280x800 without any slowdown. The first paint counts from the click, the answer of the server within it. "
            "Scrolled by 60 px a frame for 180 frames; a high page with a line of text is the limit of this machine, "
            f"which has no GPU. Elements of the gallery: at most 400. {busy()}"
        ),
    )
    for name, path, count in (
        ("Files", "/", "#list *"),
        ("Photos", "/photos", "#timeline *"),
        ("the limit: a line of text", "/healthz", "body *"),
    ):
        loads, frames, elements = list[Load](), list[float](), 0
        for _ in range(rounds):
            with site.visit(browser) as page:
                loads.append(load(page, site.url + path))
                if path == "/healthz":
                    page.evaluate("document.body.style.height = '100000px'")
                frames += frame_times(page)
                elements = max(elements, page.locator(count).count())
        times = [spread([each.answered for each in loads]), spread([each.painted for each in loads])]
        pace = f"{median(frames):.1f} / {percentile(frames, 0.95):.1f}"
        table.rows.append([name, *times, str(elements), pace, f"{1000 * len(frames) / sum(frames):.0f}"])
    return table


def _tray(browser: Browser, site: _Site, files: int) -> Table:
    table = Table(
        "Uploads that wait in the tray",
        [
            "files",
            "taken in, ms",
            "elements of the tray",
            "memory of the page, MiB",
            "files a second: first, last quarter",
        ],
        note="Files of 1 kB, really sent. The memory is that of scripts, after a collection of garbage, all waiting.",
    )
    for count in (files // 10, files):
        with site.visit(browser) as page:
            page.goto(site.url + "/", wait_until="networkidle")
            taken = page.evaluate(_TAKE, [count])
            elements = page.locator("#tray *").count()
            memory = heap_mib(page)
            speeds = _speeds(page, min(count, files // 10))
            table.rows.append([f"{count:,}", f"{taken:.0f}", str(elements), f"{memory:.1f}", speeds])
    return table


def _speeds(page: Page, count: int) -> str:
    """Return the pace of the first and the last quarter of so many uploads."""
    done = """([count]) => new Promise((resolve) => {
        const look = () => {
            const found = /(\\d[\\d,]*) of/.exec(document.querySelector(".upload-says").textContent);
            const over = document.querySelector(".upload-says").textContent.includes("Uploaded");
            if (over || (found && Number(found[1].replace(",", "")) >= count)) resolve(performance.now());
            else setTimeout(look, 50);
        };
        look();
    })"""
    times: Sequence[float] = [page.evaluate(done, [count * quarter // 4]) for quarter in range(5)]
    quarter = count / 4
    return f"{1000 * quarter / max(1, times[1] - times[0]):.0f}, {1000 * quarter / max(1, times[4] - times[3]):.0f}"
