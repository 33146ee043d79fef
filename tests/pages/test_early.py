"""What is done early: while a page is on its way, or not all of it is there."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.cores import processed_file
from tests.gateway.serving import Served
from tests.pages.visits import PHONE, Held, Visits

# A click on the picture of a page that moves hits nothing, so that it moves for no longer than between two clicks.
LONGEST_MS = 100
MOVES = """() => document.startViewTransition(() => {}).ready.then(
    () => document.getAnimations().map((each) => each.effect.getTiming().duration))"""


def test_what_is_written_while_a_page_comes_stays(visits: Visits, gateway: Served) -> None:
    page = visits.signed_in(f"http://127.0.0.1:{gateway.port}", "eli")
    answer = Held(page, "/trash$")
    with page.expect_request(answer.pattern):
        page.locator(".map").get_by_role("link", name="Trash").first.click()
    search = page.get_by_role("searchbox")
    search.focus()
    page.keyboard.type("har")
    answer.let_through()
    expect(page.locator("h1")).to_have_text("Trash")
    page.keyboard.type("bour")
    expect(search).to_have_value("harbour")
    expect(search).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_be_focused()
    expect(page.locator(".empty")).to_contain_text("Nothing found for “harbour”")


def test_a_page_that_comes_moves_for_a_moment(visits: Visits, gateway: Served) -> None:
    page = visits.signed_in(f"http://127.0.0.1:{gateway.port}", "eli")
    durations = page.evaluate(MOVES)
    assert durations
    assert max(durations) <= LONGEST_MS


def test_a_page_that_does_not_come_leaves_the_one_that_is_here(visits: Visits, gateway: Served) -> None:
    page = visits.signed_in(f"http://127.0.0.1:{gateway.port}", "eli")
    page.route(re.compile("/trash$"), lambda route: route.abort())
    trash = page.locator(".map").get_by_role("link", name="Trash").first
    trash.click()
    says = "The page was not opened. There is no connection to the service."
    expect(page.locator(".toast.failed p")).to_have_text(says)
    expect(page.locator("h1")).to_have_text("Your files")
    page.unroute(re.compile("/trash$"))
    trash.click()
    expect(page.locator("h1")).to_have_text("Trash")


def test_rows_keep_their_height_when_the_scripts_come(visits: Visits, gateway: Served) -> None:
    processed_file(gateway.core, b"x", owner="eli", name="clip.bin", path="a folder/clip.bin")
    heights = []
    for loads in (False, True):
        page = visits.signed_in(f"http://127.0.0.1:{gateway.port}", "eli", viewport=PHONE)
        if not loads:
            page.route("**/*.js", lambda route: route.abort())
            page.reload()
        heights.append(page.locator(".file").evaluate("(row) => row.getBoundingClientRect().height"))
    assert heights[0] == heights[1]
