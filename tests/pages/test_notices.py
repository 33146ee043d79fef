"""The bell and Activity: what happened, as it happens, and what can be undone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from files_service.services.files import require
from files_service.services.inbox.feed import CONSUMER
from files_service.worker.inboxes import Inboxes
from storage_adapters import SupportsChanges
from tests.cores import call, processed_file
from tests.gateway.serving import Served
from tests.pages.visits import PHONE, Visits, cookie, more


class News:
    """The worker that fills inboxes, at a test's word."""

    def __init__(self, served: Served) -> None:
        self._core = served.core
        self._worker = Inboxes(served.core, holder="test")
        self.settle()

    def settle(self) -> None:
        feed = require(self._core.metadata, SupportsChanges)
        self._worker.step()
        while feed.changes(after=feed.checkpoint(CONSUMER), limit=1):
            self._worker.step()

    def close(self) -> None:
        self._worker.give_up()


@pytest.fixture
def news(gateway: Served) -> Iterator[News]:
    news = News(gateway)
    yield news
    news.close()


def url_of(gateway: Served) -> str:
    return f"http://127.0.0.1:{gateway.port}"


def test_the_bell_counts_shows_and_forgets_what_is_new(gateway: Served, news: News, visits: Visits) -> None:
    page = visits.signed_in(url_of(gateway), "bea")
    bell = page.locator("#bell")
    expect(bell).to_have_attribute("aria-label", "Notices")
    processed_file(gateway.core, b"abc", owner="bea", name="holiday.mp4")
    news.settle()
    expect(bell).to_have_attribute("aria-label", "Notices, 1 unread")
    expect(page.locator("#news")).to_have_text("1 unread notice")
    panel = page.get_by_role("dialog", name="Notices")
    for is_open in (True, False):
        bell.click()
        expect(bell).to_have_attribute("aria-expanded", str(is_open).lower())
        expect(panel).to_have_count(int(is_open))
    bell.focus()
    page.keyboard.press("Enter")
    expect(panel.locator(".notice")).to_contain_text("holiday.mp4 was uploaded")
    expect(panel.get_by_role("heading")).to_be_focused()
    panel.get_by_role("button", name="Mark all as read").click()
    expect(bell).to_have_attribute("aria-label", "Notices")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(bell).to_be_focused()
    assert call(gateway.core, "notices.list", owner="bea")["unread"] == 0


def test_a_notice_leads_to_its_file_and_is_read(gateway: Served, news: News, visits: Visits) -> None:
    page = visits.signed_in(url_of(gateway), "cas", viewport=PHONE)
    processed_file(gateway.core, b"abc", owner="cas", name="notes.txt")
    news.settle()
    page.locator("#bell").click()
    page.get_by_role("dialog", name="Notices").get_by_role("link", name="notes.txt was uploaded").click()
    page.wait_for_url(re.compile("/download/"))
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#bell")).to_have_attribute("aria-label", "Notices")


def test_activity_undoes_a_deletion_of_another_day_and_what_this_window_did(
    gateway: Served, news: News, visits: Visits
) -> None:
    file_id = processed_file(gateway.core, b"abc", owner="dan", name="keep.txt", path="keep.txt")["file_id"]
    call(gateway.core, "files.trash", file_id=file_id, actor="dan")
    processed_file(gateway.core, b"def", owner="dan", name="old.txt", path="old.txt")
    news.settle()
    page = visits.signed_in(url_of(gateway), "dan")
    more(page, "old.txt", "Rename")
    page.get_by_label("Name", exact=True).fill("new.txt")
    page.locator("dialog").get_by_role("button", name="Rename").click()
    expect(page.locator(".file .name")).to_have_text("new.txt")
    page.locator("nav.map").get_by_role("link", name="Activity").first.click()
    page.locator(".notice", has_text="keep.txt moved to the trash").get_by_role("button", name="Undo").click()
    expect(page.locator(".toast").last).to_contain_text("restored")
    news.settle()
    expect(page.locator(".notice", has_text="moved to the trash")).to_have_count(0)
    page.get_by_role("list", name="Done in this window").get_by_role("button", name="Undo").click()
    expect(page.locator("#undoable")).to_be_hidden()
    page.locator("nav.map").get_by_role("link", name="Files").first.click()
    expect(page.locator(".file .name")).to_have_text(["old.txt", "keep.txt"])


def test_without_scripts_the_bell_leads_to_activity_which_undoes(gateway: Served, news: News, visits: Visits) -> None:
    profile = visits.profile(java_script_enabled=False)
    file_id = processed_file(gateway.core, b"abc", owner="eve", name="keep.txt")["file_id"]
    call(gateway.core, "files.trash", file_id=file_id, actor="eve")
    news.settle()
    name, _, value = cookie("eve")["Cookie"].partition("=")
    profile.add_cookies([{"name": name, "value": value, "url": url_of(gateway)}])
    page = profile.new_page()
    page.goto(url_of(gateway))
    page.locator("#bell").click()
    page.get_by_role("button", name="Undo").click()
    assert call(gateway.core, "files.list", owner="eve", actor="eve")["files"][0]["file_id"] == file_id


def test_a_message_is_seen_while_the_notices_are_open_on_a_phone(gateway: Served, visits: Visits) -> None:
    page = visits.signed_in(url_of(gateway), "pia", viewport=PHONE)
    processed_file(gateway.core, b"abc", owner="pia", name="notes.txt")
    more(page, "notes.txt", "Delete")
    undo = page.locator(".toast").get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    undo.focus()  # A message that has the focus stays.
    page.locator("#bell").click()
    undo.click()
    expect(page.get_by_label("More for notes.txt")).to_be_attached()
    restored = page.locator(".toast").last
    expect(restored).to_contain_text("notes.txt restored")
    restored.hover()
    page.get_by_role("heading", name="Notices").focus()
    page.keyboard.press("?")
    for place in ("dialog", "body"):
        expect(page.locator(f"{place} > #toasts")).to_contain_text("notes.txt restored")
        page.keyboard.press("Escape")
