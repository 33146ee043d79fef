"""The versions of a file, in a real browser: the next one is uploaded, and a former one comes back."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from files_service.services.files import require
from storage_adapters import Change, SupportsChanges
from tests.cores import call, processed_file
from tests.gateway.serving import Served
from tests.pages.visits import PHONE, Visits, cookie


def url_of(gateway: Served) -> str:
    return f"http://127.0.0.1:{gateway.port}"


def process_version(gateway: Served, file_id: str, after: str) -> None:
    """Do the worker's part for the upload of a version, which no list has."""
    changes = require(gateway.core.metadata, SupportsChanges).changes(after=after, limit=100)
    [upload_id] = {each.file_id for each in changes if isinstance(each, Change) and each.record.version_of == file_id}
    call(gateway.core, "files.process", file_id=upload_id)


def choose_version(page: Page, content: bytes) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload new version").click()
    chooser.value.set_files({"name": "other name.txt", "mimeType": "text/plain", "buffer": content})
    expect(page.locator("#uploads .upload")).to_contain_text("Uploaded")


def act(page: Page, number: int, action: str) -> None:
    page.get_by_label(f"More for version {number}").click()
    page.locator(".menu[open]").get_by_role("button", name=action).click()


def test_a_version_is_uploaded_named_restored_and_removed(gateway: Served, visits: Visits) -> None:
    file_id = processed_file(gateway.core, b"first", owner="vic", name="cut.txt", path="cut.txt")["file_id"]
    page = visits.signed_in(url_of(gateway), "vic")
    page.get_by_label("More for cut.txt").click()
    page.get_by_role("link", name="View versions").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Versions of cut.txt")
    before = require(gateway.core.metadata, SupportsChanges).last_sequence()
    assert before is not None
    choose_version(page, b"the second")
    process_version(gateway, file_id, before)
    versions = page.get_by_role("list", name="Versions", exact=True).locator(".file")
    expect(versions).to_have_count(2)
    expect(versions.first).to_contain_text("Version 2")
    expect(versions.first).to_contain_text("Current")
    act(page, 1, "Name this version")
    page.locator("dialog").get_by_label("Name").fill("Rough cut")
    page.locator("dialog").get_by_role("button", name="Save").click()
    expect(versions.last).to_contain_text("Rough cut")
    act(page, 1, "Restore")
    expect(versions).to_have_count(3)
    assert call(gateway.core, "files.info", file_id=file_id)["size"] == len(b"first")
    expect(page.locator(".toast").last).to_contain_text("Rough cut is the current one")
    page.locator(".toast").last.get_by_role("button", name="Undo").click()
    expect(versions).to_have_count(4)
    assert call(gateway.core, "files.info", file_id=file_id)["size"] == len(b"the second")
    act(page, 3, "Remove")
    expect(page.locator("dialog")).to_contain_text("5 B, is removed for good")
    page.locator("dialog").get_by_role("button", name="Remove").click()
    expect(versions).to_have_count(3)


def test_versions_are_downloaded_also_without_scripts(gateway: Served, visits: Visits) -> None:
    file_id = processed_file(gateway.core, b"first", owner="wim", name="cut.txt")["file_id"]
    processed_file(gateway.core, b"the second", owner="wim", name="cut.txt", version_of=file_id)
    profile = visits.profile(java_script_enabled=False, viewport=PHONE)
    name, _, value = cookie("wim")["Cookie"].partition("=")
    profile.add_cookies([{"name": name, "value": value, "url": url_of(gateway)}])
    page = profile.new_page()
    page.goto(f"{url_of(gateway)}/versions/{file_id}")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Download version 1")).click()
    assert download.value.path().read_bytes() == b"first"


def test_nobody_else_sees_the_versions_of_a_file(gateway: Served) -> None:
    file_id = processed_file(gateway.core, b"x", owner="xia", access="public")["file_id"]
    assert gateway.request("GET", f"/versions/{file_id}", headers=cookie("xia")).status == 200
    assert gateway.request("GET", f"/versions/{file_id}", headers=cookie("yan")).status == 404
    assert gateway.request("GET", f"/versions/{file_id}").status == 303
    assert gateway.request("GET", "/versions/none", headers=cookie("xia")).status == 404
