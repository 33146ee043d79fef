"""Pages that follow one another without a load: uploads go on, and the tray keeps what it shows short."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.pages.gated_proxy import GatedProxy, gated
from tests.pages.pictures import png
from tests.pages.test_sending import CHUNK, OVERHEAD, WINDOW, assert_arrived, call_over_http, expect_sent, file_of, up
from tests.pages.visits import WAIT_MS, Visits, choose
from tests.servers.processes import ServiceProcess
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with up(tmp_path_factory.mktemp("data"), chunk_bytes=CHUNK) as process:
        yield process


@pytest.fixture
def network(service: ServiceProcess) -> Iterator[GatedProxy]:
    with gated(int(service.config["FILES"]["http"].rpartition(":")[2])) as proxy:
        yield proxy


def test_an_upload_lives_through_twenty_pages_without_a_byte_sent_twice(
    visits: Visits, network: GatedProxy, tmp_path: Path
) -> None:
    path = file_of(tmp_path, "long.bin", 6_000_000)
    page = visits.signed_in(network.url)
    page.evaluate("window.first = true")
    network.let_through(3_000_000)
    choose(page, path)
    network.wait_until_passed(3_000_000)
    for _ in range(5):
        for name in ("Photos", "Cards", "Trash", "Files"):
            page.locator(".map").get_by_role("link", name=name, exact=True).first.click()
            expect(page.locator('.map [aria-current="page"]').first).to_have_text(name)
            expect(page.locator("h1")).to_be_focused()
    page.go_back()
    expect(page.locator("h1")).to_have_text("Trash")
    # Not one of them was a load.
    assert page.evaluate("window.first")
    network.let_through(30_000_000)
    expect_sent(page)
    # Pages and scripts go through the same gate.
    assert network.passed <= 6_000_000 + WINDOW * CHUNK + 5 * OVERHEAD
    page.locator(".map").get_by_role("link", name="Files", exact=True).click()
    assert_arrived(page, network, path)


def test_hundreds_of_files_are_one_row(visits: Visits, network: GatedProxy, tmp_path: Path) -> None:
    network.let_through(10**9)
    page = visits.signed_in(network.url)
    paths = [file_of(tmp_path, f"many {number}.bin", 10, seed=number) for number in range(120)]
    choose(page, *paths)
    expect(page.locator(".upload")).to_have_count(1)
    expect(page.locator(".upload-says")).to_contain_text("120 files · 1.2 kB · Uploaded", timeout=5 * WAIT_MS)
    page.get_by_role("button", name="Clear finished").click()
    expect(page.locator("#tray")).to_be_hidden()


def test_a_file_that_is_deleted_during_its_upload_is_not_begun_again(
    visits: Visits, network: GatedProxy, tmp_path: Path
) -> None:
    page = visits.signed_in(network.url)
    network.let_through(300_000)
    choose(page, file_of(tmp_path, "unwanted.bin", 2_000_000))
    network.wait_until_passed(300_000)
    found = call_over_http(page, "/api/files?search=unwanted")["files"]
    call_over_http(page, f"/api/files/{found[0]['file_id']}", "DELETE")
    network.let_through(10_000_000)
    expect(page.locator(".upload-says")).to_contain_text("It was deleted")
    assert call_over_http(page, "/api/files?search=unwanted")["files"] == []


def test_another_file_is_refused_where_an_interrupted_one_is_asked_for(
    visits: Visits, network: GatedProxy, tmp_path: Path
) -> None:
    (tmp_path / "trip").mkdir()
    path = file_of(tmp_path / "trip", "half.bin", 2_000_000)
    page = visits.signed_in(network.url)
    network.let_through(500_000)
    choose(page, str(tmp_path / "trip"), kind="folder")
    network.wait_until_passed(500_000)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    network.let_through(30_000_000)
    expect(page.locator(".upload-says")).to_contain_text("Interrupted")
    select = page.get_by_role("button", name="Select half.bin again to resume")
    with page.expect_file_chooser() as chooser:
        select.click()
    chooser.value.set_files(file_of(tmp_path, "half.bin", 1_000))
    expect(page.locator(".upload-says")).to_contain_text("This is another file. Select half.bin of 2.0 MB")
    # The file alone goes on with the upload of its folder.
    choose(page, path)
    expect_sent(page)
    [record] = call_over_http(page, "/api/files?search=half")["files"]
    assert record["path"] == "trip/half.bin"


def test_photos_stand_in_their_month_and_open_over_the_page(
    visits: Visits, network: GatedProxy, tmp_path: Path
) -> None:
    network.let_through(10**9)
    page = visits.signed_in(network.url)
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(png(320 + number, 200))
    choose(page, *(tmp_path / f"{number}.png" for number in range(3)))
    expect_sent(page)
    wait_until(lambda: [each["count"] for each in call_over_http(page, "/api/timeline")["months"]] == [3], seconds=120)

    def processed() -> bool:
        files = call_over_http(page, "/api/files")["files"]
        return [each["status"] for each in files if each["name"] in ("0.png", "1.png", "2.png")] == ["processed"] * 3

    wait_until(processed, seconds=120)
    page.locator(".map").get_by_role("link", name="Photos").click()
    expect(page.locator(".photo")).to_have_count(3)
    expect(page.locator(".photo img").first).to_have_js_property("complete", True)
    # They were sent at once, so their order is any.
    names = page.locator(".photo").evaluate_all("(links) => links.map((each) => each.dataset.name)")
    expect(page.locator("#timeline.window")).to_be_visible()
    page.locator(".photo").nth(1).click()
    shown = page.locator(".lightbox img")
    expect(shown).to_have_attribute("alt", names[1])
    expect(shown).to_have_js_property("naturalWidth", 320 + int(names[1][0]))
    assert "open=" in page.url
    page.keyboard.press("ArrowRight")
    expect(shown).to_have_attribute("alt", names[2])
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.keyboard.press("i")
    expect(page.locator(".lightbox .info")).to_contain_text(f"{320 + int(names[2][0])} × 200")
    page.keyboard.press("Escape")
    expect(page.locator(".lightbox")).to_have_count(0)
    assert "open=" not in page.url
    expect(page.locator(".photo").nth(2)).to_be_focused()
