"""The admin pages and the page of components, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from files_service.gateway.auth.cookies import COOKIE
from tests.cores import call, processed_file
from tests.gateway.serving import Served, serving
from tests.pages.visits import PHONE, Visits
from tests.people.persons import PASSWORD, appoint, login, open_people


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Served]:
    with serving(open_people(tmp_path, registration="invite", development=True)) as served:
        yield served


def signed_in(gateway: Served, visits: Visits, **options: object) -> Page:
    profile = visits.profile(**options)
    url = f"http://127.0.0.1:{gateway.port}"
    token = appoint(gateway, "root", "operator").token
    profile.add_cookies([{"name": COOKIE, "value": token, "url": url}])
    page = profile.new_page()
    page.goto(f"{url}/")
    page.wait_for_selector(".title .scripted:not([hidden])")
    return page


def test_an_account_is_made_and_disabled_while_the_page_stays(gateway: Served, visits: Visits) -> None:
    page = signed_in(gateway, visits)
    page.evaluate("window.stays = true")
    page.locator("nav.map").get_by_role("link", name="Admin").first.click()
    page.locator("summary", has_text="New account").click()
    page.get_by_label("Name", exact=False).first.fill("mia")
    page.get_by_role("button", name="Create account").click()
    link = page.get_by_label(re.compile("Link by which mia sets a password"))
    expect(page.locator(".done")).to_be_focused()
    call(gateway.core, "accounts.set_password", reset=link.input_value().partition("#")[2], password=PASSWORD)
    assert login(gateway, "mia").status == 200
    processed_file(gateway.core, b"x" * 1_500, owner="mia")
    page.get_by_role("link", name="mia").click()
    page.locator("summary", has_text="Disable").click()
    expect(page.locator(".confirm[open]")).to_contain_text("links to 1 file, 1.5 kB are closed")
    page.get_by_role("button", name="Disable mia").click()
    expect(page.locator(".done")).to_contain_text("mia is disabled")
    assert login(gateway, "mia").status in (401, 403)
    expect(page.get_by_role("button", name="Enable the account")).to_be_visible()
    assert page.evaluate("window.stays"), "forms load no new page, so uploads go on"


def test_a_refusal_stands_on_the_page(gateway: Served, visits: Visits) -> None:
    page = signed_in(gateway, visits, viewport=PHONE)
    page.goto(f"http://127.0.0.1:{gateway.port}/admin/accounts/root")
    page.get_by_label("Quota in GB").fill("2.5")
    page.get_by_role("button", name="Set quota").click()
    expect(page.locator(".done")).to_contain_text("The quota is set")
    assert call(gateway.core, "accounts.info", owner="root")["quota_bytes"] == 2_500_000_000
    page.goto(f"http://127.0.0.1:{gateway.port}/admin/tenants")
    for expected in ("The tenant crew is made", "There is a tenant of this name"):
        if not page.locator("details.box[open]").count():
            page.locator("summary", has_text="New tenant").click()
        page.get_by_label("Name", exact=False).first.fill("crew")
        page.get_by_role("button", name="Create tenant").click()
        expect(page.locator('.done, main [role="alert"]')).to_contain_text(expected)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_every_component_is_shown_in_both_themes_in_development_alone(
    gateway: Served, visits: Visits, tmp_path: Path
) -> None:
    page = visits.profile().new_page()
    page.goto(f"http://127.0.0.1:{gateway.port}/docs/style")
    themes = page.locator(".theme")
    grounds = themes.evaluate_all("all => all.map((each) => getComputedStyle(each).backgroundColor)")
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 23, 27)"]
    for shown in (".toast.failed", ".upload.failed", ".chip.warn", ".notice.unread", "dialog[open]", ".chart rect"):
        expect(themes.last.locator(shown).first).to_be_visible()
    with serving(open_people(tmp_path / "other")) as other:
        for path in ("/docs/style", "/docs/style.css"):
            assert other.request("GET", path).status == 404
