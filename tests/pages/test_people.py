"""People with accounts in a real browser: the link that makes one, signing out and in, and a new password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.cores import call
from tests.gateway.serving import Served, serving
from tests.pages.visits import Visits, sign_out
from tests.people.persons import PASSWORD, open_people
from tests.waiting import wait_until


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Served]:
    with serving(open_people(tmp_path, registration="invite")) as served:
        yield served


def fill(page: Page, button: str, **fields: str) -> None:
    for name, value in fields.items():
        page.fill(f'input[name="{name}"]', value)
    page.click(f'button:has-text("{button}")')


def test_a_link_makes_an_account_which_signs_out_and_in_again(gateway: Served, visits: Visits) -> None:
    url = f"http://127.0.0.1:{gateway.port}"
    invite = call(gateway.core, "accounts.create_invite")["code"]
    page = visits.profile().new_page()
    page.goto(f"{url}/join#{invite}")
    page.wait_for_selector('input[name="code"]', state="hidden")
    assert page.url == f"{url}/join"
    fill(page, "Make your account", name="ann", password=PASSWORD)
    page.wait_for_selector('h1:has-text("Your files")')
    assert page.text_content(".who") == "Signed in as ann"
    sign_out(page)
    page.click('a:has-text("Sign in")')
    fill(page, "Sign in", name="ann", password="wrong password")
    page.wait_for_selector('[role="alert"]')
    fill(page, "Sign in", name="ann", password=PASSWORD)
    page.wait_for_selector('h1:has-text("Your files")')


def test_a_reset_link_sets_a_password(gateway: Served, visits: Visits) -> None:
    url = f"http://127.0.0.1:{gateway.port}"
    code = call(gateway.core, "accounts.create", name="ann")["reset"]["code"]
    page = visits.profile().new_page()
    page.goto(f"{url}/reset#{code}")
    page.wait_for_selector('input[name="code"]', state="hidden")
    fill(page, "Set your password", password="a new phrase")
    page.wait_for_url(f"{url}/sign-in")
    fill(page, "Sign in", name="ann", password="a new phrase")
    page.wait_for_selector('h1:has-text("Your files")')


def test_settings_make_and_end_keys_and_change_the_password(gateway: Served, visits: Visits) -> None:
    url = f"http://127.0.0.1:{gateway.port}"
    invite = call(gateway.core, "accounts.create_invite", role="admin")["code"]
    page = visits.profile().new_page()
    page.goto(f"{url}/join#{invite}")
    page.wait_for_selector('input[name="code"]', state="hidden")
    fill(page, "Make your account", name="ann", password=PASSWORD)
    page.get_by_role("link", name="Settings").first.click()
    expect(page.locator("#sessions .file")).to_have_count(1)
    expect(page.locator("#keys")).to_have_text("None yet.")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Purpose").fill("Backup")
    page.get_by_role("button", name="Create").click()
    key = page.locator("dialog", has_text="Your new key").locator("input").input_value()
    page.get_by_role("button", name="Close").click()
    read = {"Authorization": f"Bearer {key}"}
    assert gateway.request("GET", "/api/files", headers=read).status == 200
    page.get_by_role("button", name="Revoke: Backup").click()
    expect(page.locator("#keys")).to_have_text("None yet.")
    wait_until(lambda: gateway.request("GET", "/api/files", headers=read).status == 401, seconds=60)
    page.get_by_role("button", name="Change the password").click()
    page.get_by_label("Current password").fill("not this one")
    page.get_by_label("New password").fill("another long phrase")
    page.locator("dialog").get_by_role("button", name="Change").click()
    expect(page.locator('dialog [role="alert"]')).not_to_be_empty()
    page.get_by_label("Current password").fill(PASSWORD)
    page.locator("dialog").get_by_role("button", name="Change").click()
    expect(page.locator(".toast").last).to_contain_text("The password is changed")
    page.get_by_role("button", name="Invite somebody").click()
    assert page.get_by_label("Copy this link").input_value().startswith(f"{url}/join#")
    page.get_by_role("button", name="Close", exact=True).first.click()
    # The one that was used is there, too.
    expect(page.locator("#invites .file", has_text="1 of 1 left")).to_have_count(1)
