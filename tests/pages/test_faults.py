"""Faults in people's words, beside what caused them; and lists that find and show what people look for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from files_service.gateway.pages.links import name_of
from tests.cores import processed_file, sqlite_core, with_preview
from tests.gateway.serving import Served, serving
from tests.pages.pictures import png
from tests.pages.visits import Visits, choose, more

MB = 1_000_000
CLIP = {"name": "clip.bin", "mimeType": "application/octet-stream", "buffer": b"x" * 3_000}


def url_of(served: Served) -> str:
    return f"http://127.0.0.1:{served.port}"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"owner_quota_bytes": 2_000}, "Your storage of 2.0 kB is full. Delete files and empty the trash to make room"),
        ({"free_disk_bytes": 2**60}, "The disk of the service is full. Whoever runs it has to make room"),
        ({"max_file_bytes": 2_000}, "It is too large: a file may have 2.0 kB at most"),
    ],
)
def test_an_upload_without_room_says_whose_room_it_is(
    visits: Visits, tmp_path: Path, settings: dict[str, int], says: str
) -> None:
    with serving(sqlite_core(tmp_path, **settings)) as served:
        page = visits.signed_in(url_of(served), "ful")
        choose(page, CLIP)
        expect(page.locator(".upload-says")).to_have_text(f"Not uploaded: {says}")


def test_without_a_network_a_question_keeps_its_answer_and_says_why(visits: Visits, gateway: Served) -> None:
    processed_file(gateway.core, b"x", owner="off", name="one.bin")
    page = visits.signed_in(url_of(gateway), "off")
    more(page, "one.bin", "Rename")
    page.locator("dialog input").fill("two.bin")
    page.context.set_offline(True)
    page.locator("dialog").get_by_role("button", name="Rename").click()
    expect(page.locator('dialog [role="alert"]')).to_have_text("There is no connection to the service.")
    expect(page.locator('dialog [role="alert"]')).to_be_in_viewport()
    page.context.set_offline(False)
    page.locator("dialog").get_by_role("button", name="Rename").click()
    expect(page.locator(".file .name")).to_have_text(["two.bin"])


def test_a_name_that_is_refused_is_told_without_its_field(visits: Visits, gateway: Served) -> None:
    processed_file(gateway.core, b"x", owner="rul", name="one.bin", path="one.bin")
    page = visits.signed_in(url_of(gateway), "rul")
    more(page, "one.bin", "Rename")
    page.locator("dialog input").fill("a/b")
    page.locator("dialog").get_by_role("button", name="Rename").click()
    expect(page.locator('dialog [role="alert"]')).to_have_text(re.compile("^It must .*[^.][.]$"))


@pytest.mark.parametrize(("count", "name"), [(0, "Link"), (1, "1 file"), (2, "2 files")])
def test_a_link_without_a_title_is_known_by_its_files(count: int, name: str) -> None:
    assert name_of({"label": "", "title": "", "path": None, "items": ["id"] * count}) == name


def test_a_failure_at_the_end_of_a_long_list_is_seen_there(visits: Visits, gateway: Served) -> None:
    for number in range(50):
        processed_file(gateway.core, b"x", owner="far", name=f"{number:02}.bin")
    page = visits.signed_in(url_of(gateway), "far", viewport={"width": 360, "height": 740})
    page.route("**/api/files/bulk", lambda route: route.fulfill(status=503, body="{}"))
    more(page, "00.bin", "Delete")
    said = page.locator(".toast.failed")
    expect(said).to_contain_text("00.bin could not be deleted. The service does not answer at the moment.")
    expect(said).to_be_in_viewport(ratio=1)
    expect(page.locator(".file", has_text="00.bin")).to_be_in_viewport()


def test_a_search_without_accents_finds_what_has_them_and_says_how_many(visits: Visits, gateway: Served) -> None:
    for name in ("Café terrace.jpg", "CAFE\u0301.mov", "coffee.bin"):
        processed_file(gateway.core, b"x", owner="acc", name=name)
    page = visits.signed_in(url_of(gateway), "acc")
    page.keyboard.press("/")
    page.keyboard.type("cafe")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 files found")).to_be_visible()
    expect(page.locator(".file")).to_have_count(2)


def test_a_picture_of_more_than_two_megabytes_has_its_thumbnail(visits: Visits, gateway: Served) -> None:
    large = png(640, 400).ljust(2 * MB + 1, b"\0")
    parts = [{"size": len(large), "content_type": "image/png"}]
    file_id = processed_file(gateway.core, large, owner="big", name="large.png", parts=parts)["file_id"]
    small: Any = {"thumbnail-256": png(256, 160)}
    with_preview(gateway.core, file_id, **small)
    page = visits.signed_in(url_of(gateway), "big")
    expect(page.locator(".thumbnail img")).to_have_js_property("naturalWidth", 256)


def test_the_twenty_fifth_page_still_hears_of_changes(visits: Visits, gateway: Served) -> None:
    processed_file(gateway.core, b"x", owner="ear", name="first.bin")
    page = visits.signed_in(url_of(gateway), "ear")
    for _ in range(24):
        page.goto(url_of(gateway) + "/", wait_until="domcontentloaded")
    page.wait_for_selector(".title .scripted:not([hidden])")
    expect(page.locator(".file")).to_have_count(1)
    processed_file(gateway.core, b"x", owner="ear", name="second.bin")
    expect(page.locator(".file")).to_have_count(2)
