"""What the pages may cost: bytes, and movements of what one reads. None of it depends on speed."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from files_service.gateway.pages.assets import packed_bytes
from tests.cores import call, processed_file
from tests.gateway.serving import Served
from tests.pages.pictures import png
from tests.pages.visits import DESKTOP, PHONE, Visits

MOST_SCRIPT_BYTES, MOST_STYLE_BYTES, MOST_SHARE_SCRIPT_BYTES = 60_000, 15_000, 25_000
MOST_SHIFT = 0.05
# An observer of what moves though nobody has touched it.
SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
        const nodes = entry.sources.map(({node}) => (node?.parentElement ?? node)?.outerHTML?.slice(0, 99));
        if (!entry.hadRecentInput) window.shifts.push([entry.value, nodes]);
    }
}).observe({type: "layout-shift", buffered: true});
"""
SCRIPT_BYTES = """() => performance.getEntriesByType("resource")
    .filter((each) => new URL(each.name).pathname.endsWith(".js"))
    .reduce((sum, each) => sum + each.encodedBodySize, 0)"""


def test_scripts_and_styles_of_all_pages_are_small() -> None:
    assert 10_000 < packed_bytes(".js") <= MOST_SCRIPT_BYTES
    assert 2_000 < packed_bytes(".css") <= MOST_STYLE_BYTES


def test_the_page_of_a_link_needs_few_scripts(visits: Visits, gateway: Served) -> None:
    file_id = processed_file(gateway.core, b"x", owner="bud", name="one.bin")["file_id"]
    shares: list[dict[str, Any]] = [{"items": [file_id]}, {"kind": "drop", "path": "in"}]
    for params in shares:
        share = call(gateway.core, "shares.create", owner="bud", **params)
        page = visits.profile().new_page()
        page.goto(f"http://127.0.0.1:{gateway.port}/s/{share['key']}", wait_until="networkidle")
        assert page.evaluate(SCRIPT_BYTES) <= MOST_SHARE_SCRIPT_BYTES


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP])
def test_nothing_moves_while_a_page_loads(visits: Visits, gateway: Served, viewport: dict[str, int]) -> None:
    picture = png(320, 200)
    parts = [{"size": len(picture), "content_type": "image/png"}]
    for number in range(3):
        processed_file(gateway.core, picture, owner="cls", name=f"{number}.png", path=f"trip/{number}.png", parts=parts)
    page = visits.signed_in(f"http://127.0.0.1:{gateway.port}", "cls", viewport=viewport)
    page.context.add_init_script(SHIFTS)
    for path in ("/", "/?folder=trip", "/photos", "/cards", "/shared", "/trash", "/activity", "/settings"):
        page.goto(f"http://127.0.0.1:{gateway.port}{path}", wait_until="networkidle")
        expect(page.locator("#storage")).to_have_js_property("hidden", False)
        assert moved(page) <= MOST_SHIFT, (path, page.evaluate("window.shifts"))


def moved(page: Page) -> float:
    """The sum of all shifts."""
    return float(page.evaluate("window.shifts.reduce((sum, [value]) => sum + value, 0)"))
