"""People with accounts in a real browser: the link that makes one, signing out and in, and a new password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.cores import call
from tests.gateway.serving import Served, serving
from tests.pages.visits import Visits, sign_out
from tests.people.persons import PASSWORD, appoint, open_people
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
    expect(page.locator('dialog [role="alert"]')).to_have_text("The current password is wrong.")
    page.get_by_label("Current password").fill(PASSWORD)
    page.locator("dialog").get_by_role("button", name="Change").click()
    expect(page.locator(".toast").last).to_contain_text("The password is changed")
    page.get_by_role("button", name="Invite somebody").click()
    assert page.get_by_label("Copy this link").input_value().startswith(f"{url}/join#")
    page.get_by_role("button", name="Close", exact=True).first.click()
    # The one that was used is there, too.
    expect(page.locator("#invites .file", has_text="1 of 1 left")).to_have_count(1)


def test_a_wrong_field_keeps_what_was_typed_and_gets_the_focus(gateway: Served, visits: Visits) -> None:
    url = f"http://127.0.0.1:{gateway.port}"
    ann = appoint(gateway, "ann")
    secret = ann.post("/api/auth/totp").json["secret"]
    recovery = ann.post("/api/auth/totp", code=pyotp.TOTP(secret).now()).json["recovery_codes"]
    page = visits.profile().new_page()
    page.goto(f"{url}/sign-in")
    expect(page.get_by_label("Name")).to_be_focused()
    fill(page, "Sign in", name="ann", password="wrong password")
    expect(page.locator("#password-fault")).to_have_text("The name or the password is wrong.")
    expect(page.get_by_label("Password")).to_be_focused()
    expect(page.get_by_label("Name")).to_have_value("ann")
    expect(page.get_by_label("Password")).to_have_value("")
    fill(page, "Sign in", password=PASSWORD)
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    expect(page.get_by_label("Password")).to_have_value(PASSWORD)
    fill(page, "Sign in", code=recovery[0])
    page.wait_for_selector('h1:has-text("Your files")')
    page.get_by_role("link", name="Settings").first.click()
    page.get_by_role("button", name="Second factor").click()
    dialog = page.locator("dialog")
    for code, says in (("000000", "This code is wrong or was used already."), (recovery[1], "")):
        dialog.get_by_label("Code").fill(code)
        dialog.get_by_role("button", name="Turn off").click()
        if says:
            expect(dialog.locator('[role="alert"]')).to_have_text(says)
    expect(page.locator(".toast")).to_contain_text("The second factor is off")
    assert not ann.get("/api/auth/me").json["account"]["totp"]


def test_a_form_says_that_the_service_is_away(gateway: Served, visits: Visits) -> None:
    page = visits.profile().new_page()
    page.goto(f"http://127.0.0.1:{gateway.port}/sign-in")
    page.context.set_offline(True)
    fill(page, "Sign in", name="ann", password=PASSWORD)
    expect(page.locator("#form-fault")).to_contain_text("There is no connection to the service")
    expect(page.get_by_label("Password")).to_have_value(PASSWORD)
