"""What is done with files tells the truth when only a part of it was done, and leaves the page where it is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Dialog, Page, Request, Route, expect

from tests.cores import call, processed_file
from tests.gateway.serving import Served
from tests.pages.visits import STARTED, Visits, choose, more

BULK = "**/api/files/bulk"


def with_files(visits: Visits, gateway: Served, owner: str, count: int = 3) -> Page:
    """The page of an owner who has files in the folder ``old``."""
    for number in range(count):
        processed_file(gateway.core, b"x", owner=owner, name=f"{number}.bin", path=f"old/{number}.bin")
    page = visits.signed_in(f"http://127.0.0.1:{gateway.port}", owner)
    expect(page.locator(".file")).to_have_count(count)
    return page


def do(page: Page, action: str) -> None:
    page.get_by_role("group", name="Selected files").get_by_role("button", name=action).click()


def items_of(request: Request) -> list[dict[str, Any]]:
    """What a request asks to be done."""
    body: Any = request.post_data_json
    items: list[dict[str, Any]] = body["items"]
    return items


def refuse_the_first(route: Route) -> None:
    """Do it to all files but the first one, which is said to be busy."""
    items = items_of(route.request)
    answer = route.fetch(post_data={**(route.request.post_data_json or {}), "items": items[1:]}) if items[1:] else None
    results = answer.json()["results"] if answer else []
    busy = {"code": "busy", "message": "busy", "details": {}}
    refused = {"file_id": items[0]["file_id"], "ok": False, "error": busy}
    route.fulfill(content_type="application/json", body=json.dumps({"results": [refused, *results]}))


def test_what_was_done_to_some_files_is_said_and_undone_of_those(visits: Visits, gateway: Served) -> None:
    page = with_files(visits, gateway, "part")
    for number in range(3):
        page.get_by_label(f"Select {number}.bin").check()
    page.route(BULK, refuse_the_first)
    do(page, "Move")
    page.locator("dialog").get_by_label("Folder").fill("new")
    page.locator("dialog").get_by_role("button", name="Move").click()
    texts = page.locator(".toast p")
    expect(texts).to_have_text(["1 file could not be moved. The service is busy.", "2 files moved to new"])
    page.unroute(BULK)
    with page.expect_request(BULK) as undone:
        page.locator(".toast").get_by_role("button", name="Undo").click()
    assert [each["path"] for each in items_of(undone.value)] == ["old/1.bin", "old/2.bin"]
    page.reload()
    page.wait_for_selector(STARTED)
    for number in range(3):
        page.get_by_label(f"Select {number}.bin").check()
    page.route(BULK, refuse_the_first)
    do(page, "Delete")
    expect(texts).to_have_text(["1 file could not be deleted. The service is busy.", "2 files moved to the trash"])
    page.get_by_role("button", name="Undo").click()
    expect(texts.last).to_have_text("2.bin restored")


def test_an_undo_that_is_refused_says_so(visits: Visits, gateway: Served) -> None:
    page = with_files(visits, gateway, "back", 1)
    more(page, "0.bin", "Rename")
    page.locator("dialog input").fill("one.bin")
    page.locator("dialog").get_by_role("button", name="Rename").click()
    page.route(BULK, refuse_the_first)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".toast p")).to_have_text(["0.bin could not be renamed. The service is busy."])


def test_a_name_that_is_taken_is_told_as_it_became(visits: Visits, gateway: Served) -> None:
    page = with_files(visits, gateway, "same", 2)
    more(page, "1.bin", "Rename")
    page.locator("dialog input").fill("0.bin")
    page.locator("dialog").get_by_role("button", name="Rename").click()
    expect(page.locator(".toast p")).to_have_text("Renamed to 0 (2).bin")
    assert sorted(each["name"] for each in call(gateway.core, "files.list", owner="same")["files"]) == [
        "0 (2).bin",
        "0.bin",
    ]


def test_a_selected_file_is_known_as_it_is_now(visits: Visits, gateway: Served) -> None:
    page = with_files(visits, gateway, "know", 1)
    page.get_by_label("Select 0.bin").check()
    file_id = page.locator(".file").get_attribute("data-file-id")
    call(gateway.core, "files.move", file_id=file_id, path="old/better.bin")
    expect(page.locator(".file .name")).to_have_text(["better.bin"])
    do(page, "Move")
    page.locator("dialog").get_by_label("Folder").fill("new")
    page.locator("dialog").get_by_role("button", name="Move").click()
    with page.expect_request(BULK) as undone:
        page.locator(".toast").get_by_role("button", name="Undo").click()
    assert items_of(undone.value)[0]["path"] == "old/better.bin"


def test_moving_without_a_network_is_asked_and_told(visits: Visits, gateway: Served) -> None:
    page = with_files(visits, gateway, "away", 1)
    page.route(re.compile("/api/(folders|files/bulk)"), lambda route: route.abort())
    more(page, "0.bin", "Move")
    page.locator("dialog").get_by_label("Folder").fill("new")
    page.locator("dialog").get_by_role("button", name="Move").click()
    expect(page.locator('dialog [role="alert"]')).to_have_text("There is no connection to the service.")


def test_a_download_while_files_are_sent_asks_nothing(visits: Visits, gateway: Served, tmp_path: Path) -> None:
    page = with_files(visits, gateway, "busy", 2)
    page.context.route("**/tus/**", lambda route: None)
    (tmp_path / "clip.bin").write_bytes(b"x")
    choose(page, tmp_path / "clip.bin")
    expect(page.locator(".upload")).to_have_attribute("data-state", "sending")
    asked: list[str] = []

    def accept(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    page.get_by_label("Select 0.bin").check()
    with page.expect_download() as one:
        do(page, "Download")
    page.get_by_label("Select 1.bin").check()
    with page.expect_download() as both:
        do(page, "Download")
    assert [one.value.suggested_filename, both.value.suggested_filename] == ["0.bin", "files.zip"]
    assert asked == []
    page.get_by_role("button", name="Cancel clip.bin").click()


def test_the_way_back_closes_what_was_open_over_the_page(visits: Visits, gateway: Served) -> None:
    page = with_files(visits, gateway, "tess", 1)
    page.get_by_role("link", name="Trash").first.click()
    expect(page.locator("h1")).to_have_text("Trash")
    page.get_by_role("link", name="Files", exact=True).first.click()
    more(page, "0.bin", "Rename")
    page.go_back()
    expect(page.locator("h1")).to_have_text("Trash")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("h1")).to_be_focused()


def test_an_access_that_is_not_set_is_told_in_its_dialog(visits: Visits, gateway: Served) -> None:
    page = with_files(visits, gateway, "shut", 1)
    page.route("**/api/files/*/access", lambda route: route.abort())
    page.get_by_role("button", name="Share").click()
    page.locator("dialog summary", has_text="Address of the file").click()
    page.locator('dialog input[value="public"]').check()
    page.get_by_role("button", name="Set access").click()
    said = "0.bin was not changed. There is no connection to the service."
    expect(page.locator("dialog").get_by_role("alert").filter(has_text=said)).to_be_visible()
    page.keyboard.press("Escape")


def test_a_message_is_before_the_dialog_that_is_open_and_stays_when_it_closes(visits: Visits, gateway: Served) -> None:
    page = with_files(visits, gateway, "val", 1)
    page.get_by_role("button", name="Share").click()
    page.locator("dialog summary", has_text="Address of the file").click()
    toasts = page.get_by_role("dialog").get_by_role("status")
    for access in ("Link", "Public"):
        page.get_by_role("radio", name=access).check()
        page.get_by_role("button", name="Set access").click()
        expect(toasts.first).to_contain_text(f"0.bin: {access}")
        if access == "Link":
            toasts.get_by_role("button", name="Close").click()
            expect(page.locator(".toast")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("body > .toasts")).to_contain_text("0.bin: Public")
