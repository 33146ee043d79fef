"""Folders in the list of files: what can be done with files can be done with them, each with all that is in it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from files_service.worker.jobs import JobRunner
from tests.cores import call, processed_file
from tests.gateway.serving import Served, wait_until
from tests.pages.visits import PHONE, Visits, more

# So many are done by a worker, not in the call.
MANY = 101


def with_folder(visits: Visits, gateway: Served, owner: str, count: int = 2) -> Page:
    """The page of an owner who has files in the folder ``trip``."""
    for number in range(count):
        processed_file(gateway.core, b"x", owner=owner, name=f"{number}.bin", path=f"trip/{number}.bin")
    url, permissions = f"http://127.0.0.1:{gateway.port}", ["clipboard-read", "clipboard-write"]
    page = visits.signed_in(url, owner, permissions=permissions)
    expect(page.locator(".tile")).to_have_text("trip")
    return page


def paths(gateway: Served, owner: str) -> list[str]:
    return sorted(each["path"] for each in call(gateway.core, "files.list", owner=owner)["files"])


def answer(page: Page, button: str, text: str | None = None) -> None:
    """Answer the question of a dialog."""
    if text is not None:
        page.locator("dialog input").fill(text)
    page.locator("dialog").get_by_role("button", name=button).click()
    expect(page.locator("dialog")).to_have_count(0)


def undo(page: Page) -> None:
    page.locator(".toast").last.get_by_role("button", name="Undo").click()


def test_a_folder_is_renamed_moved_and_deleted_and_each_is_undone(visits: Visits, gateway: Served) -> None:
    page = with_folder(visits, gateway, "fay")
    tile = page.locator(".tile")
    before = paths(gateway, "fay")
    more(page, "trip", "Rename")
    answer(page, "Rename", "tour")
    expect(tile).to_have_text("tour")
    assert paths(gateway, "fay") == ["tour/0.bin", "tour/1.bin"]
    undo(page)
    expect(tile).to_have_text("trip")
    more(page, "trip", "Move")
    answer(page, "Move", "2026/summer")
    expect(tile).to_have_text("2026")
    assert paths(gateway, "fay") == ["2026/summer/trip/0.bin", "2026/summer/trip/1.bin"]
    undo(page)
    expect(tile.filter(has_text="trip")).to_be_visible()
    assert paths(gateway, "fay") == before
    more(page, "trip", "Delete")
    answer(page, "Delete")
    expect(page.locator(".toast").last).to_contain_text("trip moved to the trash")
    expect(page.locator(".file")).to_have_count(0)
    undo(page)
    expect(page.locator(".file")).to_have_count(2)
    assert paths(gateway, "fay") == before


def test_a_folder_is_shared_by_a_link_and_downloaded(visits: Visits, gateway: Served) -> None:
    page = with_folder(visits, gateway, "gil")
    more(page, "trip", "Share")
    answer(page, "Create link")
    expect(page.locator(".toast").last).to_contain_text("Link copied")
    [share] = call(gateway.core, "shares.list", owner="gil")["shares"]
    assert (share["path"], share["title"]) == ("trip", "trip")
    with page.expect_download() as download:
        more(page, "trip", "Download")
    assert download.value.suggested_filename == "trip.zip"


def test_what_is_wrong_with_a_new_place_is_said_beside_it(visits: Visits, gateway: Served) -> None:
    page = with_folder(visits, gateway, "hal")
    for action, text, says in (
        ("Move", "trip/inner", "It must be neither the folder itself nor lie in it or around it."),
        ("Rename", "a/b", "A name has no “/”. Use Move for another place."),
    ):
        more(page, "trip", action)
        page.locator("dialog input").fill(text)
        page.locator("dialog").get_by_role("button", name=action).click()
        expect(page.locator('dialog [role="alert"]')).to_have_text(says)
        page.keyboard.press("Escape")
        # The choice was made in a menu, which is closed.
        expect(page.get_by_label("More for trip")).to_be_focused()


def test_keys_do_to_a_folder_what_they_do_to_files_and_the_focus_stays(visits: Visits, gateway: Served) -> None:
    page = with_folder(visits, gateway, "ike")
    link = page.locator(".tile").get_by_role("link", name="trip")
    link.focus()
    processed_file(gateway.core, b"x", owner="ike", name="new.bin")
    expect(page.locator(".file")).to_have_count(3)
    expect(link).to_be_focused()
    page.keyboard.press("F2")
    answer(page, "Rename", "tour")
    expect(page.locator(".tile")).to_have_text("tour")


def test_the_end_of_what_a_worker_does_is_told(visits: Visits, gateway: Served) -> None:
    page = with_folder(visits, gateway, "jan", MANY)
    more(page, "trip", "Delete")
    answer(page, "Delete")
    expect(page.locator(".toast").last).to_contain_text("This takes a while")
    worker = JobRunner(gateway.core, holder="test")
    work_until_done(gateway, worker, "jan")
    expect(page.locator(".toast").last).to_contain_text("trip moved to the trash")
    expect(page.locator(".empty")).to_be_visible()
    page.locator("nav.map").get_by_role("link", name="Trash").first.click()
    expect(page.locator("#list")).to_contain_text("trip")
    page.get_by_role("button", name="Empty the trash").click()
    answer(page, "Delete for good")
    expect(page.locator(".toast").last).to_contain_text("This takes a while")
    work_until_done(gateway, worker, "jan")
    worker.give_up()
    expect(page.locator(".toast").last).to_contain_text("The trash is empty")
    expect(page.locator(".empty")).to_have_text("The trash is empty.")


def work_until_done(gateway: Served, worker: JobRunner, owner: str) -> None:
    def is_done() -> bool:
        worker.step()
        return all(each["state"] == "done" for each in call(gateway.core, "jobs.list", owner=owner)["jobs"])

    wait_until(is_done)


def test_a_folder_whose_last_file_went_is_empty(visits: Visits, gateway: Served) -> None:
    page = with_folder(visits, gateway, "kim", 1)
    page.locator(".tile").get_by_role("link", name="trip").click()
    expect(page.locator("h1")).to_have_text("trip")
    more(page, "0.bin", "Move")
    answer(page, "Move", "elsewhere")
    expect(page.locator(".empty")).to_contain_text("This folder is empty")
    undo(page)
    expect(page.locator(".file")).to_have_count(1)


def test_the_buttons_of_a_long_question_stay_in_sight_on_a_phone(visits: Visits, gateway: Served) -> None:
    page = with_folder(visits, gateway, "lou", 1)
    page.set_viewport_size({**PHONE, "height": 480})
    more(page, "trip", "Share")
    page.locator("dialog summary").click()
    message = page.locator("dialog textarea")
    expect(message).not_to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Create link")).to_be_in_viewport(ratio=1)
    message.focus()
    expect(message).to_be_in_viewport(ratio=1)
    # A press at its middle reaches it, not the buttons.
    message.click()
    answer(page, "Create link")
