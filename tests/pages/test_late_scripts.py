"""The script of a screen comes after the page: what was done and what changed meanwhile is not lost."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.cores import call, processed_file
from tests.gateway.serving import Served, wait_until
from tests.pages.visits import Held, Visits


def new_file(gateway: Served, owner: str, name: str) -> str:
    file_id: str = processed_file(gateway.core, b"x", owner=owner, name=name)["file_id"]
    return file_id


@pytest.mark.parametrize("place", ["files", "trash"])
def test_a_box_that_is_ticked_early_counts(visits: Visits, gateway: Served, place: str) -> None:
    for name in ("one.bin", "two.bin"):
        file_id = new_file(gateway, f"tick-{place}", name)
        if place == "trash":
            call(gateway.core, "files.trash", file_id=file_id)
    page = visits.signed_in(f"http://127.0.0.1:{gateway.port}", f"tick-{place}")
    script = Held(page, rf"/{place}\.js")
    with page.expect_request(script.pattern):
        page.goto(f"http://127.0.0.1:{gateway.port}/{place.removeprefix('files')}")
    page.get_by_label("Select one.bin").check()
    script.let_through()
    expect(page.get_by_role("group", name="Selected files")).to_contain_text("1 selected")
    expect(page.get_by_label("Select one.bin")).to_be_checked()


HEAR_A_CHANGE = """() => import("/static/changes.js").then(({ watchChanges }) => {
    window.heard = new Promise((done) => watchChanges(done, ({ event }) => event !== "reload"));
})"""


def change_behind(page: Page, gateway: Served, owner: str) -> str:
    """Make a file, of which the page hears while the script of its screen is under way."""
    page.evaluate(HEAR_A_CHANGE)
    file_id = new_file(gateway, owner, "late.bin")
    page.evaluate("() => window.heard")
    return file_id


def test_what_changes_before_the_script_is_there_is_shown(visits: Visits, gateway: Served) -> None:
    page = visits.signed_in(f"http://127.0.0.1:{gateway.port}", "late")
    script = Held(page, r"/files\.js")
    with page.expect_request(script.pattern):
        page.reload()
    change_behind(page, gateway, "late")
    script.let_through()
    expect(page.locator(".file .name")).to_have_text(["late.bin"])


def test_what_changes_before_the_script_of_the_next_page_is_there_is_shown(visits: Visits, gateway: Served) -> None:
    page = visits.signed_in(f"http://127.0.0.1:{gateway.port}", "next")
    file_id = change_behind(page, gateway, "next")
    script = Held(page, r"/trash\.js")
    with page.expect_request(script.pattern):
        page.get_by_role("link", name="Trash").first.click()
    page.evaluate(HEAR_A_CHANGE)
    call(gateway.core, "files.trash", file_id=file_id)
    page.evaluate("() => window.heard")
    script.let_through()
    expect(page.locator(".file .name")).to_have_text(["late.bin"])


def test_a_script_that_does_not_come_is_told(visits: Visits, gateway: Served) -> None:
    page = visits.signed_in(f"http://127.0.0.1:{gateway.port}", "none")
    page.route(re.compile(r"/trash\.js"), lambda route: route.abort())
    page.get_by_role("link", name="Trash").first.click()
    expect(page.locator(".toast")).to_contain_text("Not all of this page was loaded. Load it again.")


NAMED = "[...document.querySelectorAll('script, link[rel=modulepreload]')].map(({src, href}) => src ?? href)"
LOADED = (
    """() => performance.getEntriesByType("resource").map(({name}) => name).filter((name) => name.endsWith(".js"))"""
)


def test_no_script_waits_until_the_one_that_imports_it_has_come(visits: Visits, gateway: Served) -> None:
    file_id = new_file(gateway, "together", "one.bin")
    drop = call(gateway.core, "shares.create", owner="together", kind="drop", path="in")
    link = call(gateway.core, "shares.create", owner="together", items=[file_id])
    profile = visits.signed_in(f"http://127.0.0.1:{gateway.port}", "together").context
    for path in (
        *("/", "/photos", "/cards", "/shared", "/trash", "/activity", "/settings", "/sign-in"),
        *(f"/download/{file_id}", f"/versions/{file_id}", f"/s/{link['key']}", f"/s/{drop['key']}"),
    ):
        named, asked, loaded = scripts_of(profile.new_page(), f"http://127.0.0.1:{gateway.port}{path}")
        assert named == asked == loaded, path


def scripts_of(page: Page, url: str) -> tuple[list[str], list[str], list[str]]:
    """Return what a page names, asks for and loads; no script comes before all that are named are asked for."""
    scripts = Held(page, r"\.js$")
    page.goto(url, wait_until="commit")
    page.wait_for_function("document.readyState === 'interactive'")
    named = sorted(page.evaluate(NAMED))
    # Each look at the page lets the driver hear of requests.
    wait_until(lambda: page.title() != "" and len(scripts.addresses) == len(named))
    scripts.let_through()
    # Those that are named, and afterwards any others.
    wait_until(lambda: {*named} <= {*page.evaluate(LOADED)})
    page.wait_for_load_state("networkidle")
    loaded = sorted(page.evaluate(LOADED))
    page.close()
    return named, scripts.addresses, loaded
