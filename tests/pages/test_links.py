"""Links of shares in a real browser, with scripts turned off: the password, the download, and the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.cores import call, processed_file
from tests.gateway.serving import Served, serving
from tests.pages.visits import Visits
from tests.people.links import CONTENT, PASSWORD
from tests.people.persons import open_people


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Served]:
    with serving(open_people(tmp_path)) as served:
        yield served


def test_a_visitor_without_scripts_gives_the_password_and_downloads(
    gateway: Served, visits: Visits, tmp_path: Path
) -> None:
    file_id = processed_file(gateway.core, CONTENT, name="trip.txt")["file_id"]
    limits = {"password": PASSWORD, "max_downloads": 1}
    made = call(gateway.core, "shares.create", owner="ann", items=[file_id], title="Our trip", **limits)
    page = visits.profile(java_script_enabled=False).new_page()
    link = f"http://127.0.0.1:{gateway.port}/s/{made['key']}"
    page.goto(link)
    expect(page).to_have_title("Password needed")
    page.fill('input[name="password"]', "not this one")
    page.click('button:has-text("Open")')
    expect(page.locator('[role="alert"]')).to_have_text("The password is wrong.")
    page.fill('input[name="password"]', PASSWORD)
    page.click('button:has-text("Open")')
    page.wait_for_url(link)
    expect(page.locator("h1")).to_have_text("Our trip")
    for button in ('button:has-text("Download")', 'a:has-text("Download")'):
        with page.expect_download() as waiting:
            page.click(button)
        path = tmp_path / "downloaded"
        waiting.value.save_as(path)
        # Firefox numbers the second one.
        assert re.fullmatch(r"trip(\(1\))?\.txt", waiting.value.suggested_filename)
        assert path.read_bytes() == CONTENT
        # The visitor who has the download may repeat it.
        page.goto(link)
    assert call(gateway.core, "shares.info", share_id=made["share_id"])["used"] == 1
    call(gateway.core, "shares.revoke", share_id=made["share_id"])
    page.goto(link)
    expect(page.locator("h1")).to_have_text("This link has ended")
