"""Every task of the list of files without a pointer: the focus is seen, and comes back after each dialog."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.cores import call, processed_file
from tests.gateway.serving import Served
from tests.pages.visits import Visits

OWNER = "kay"
# What has the focus, and whether that is seen.
FOCUS = """() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
}"""


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_every_task_is_done_without_a_pointer(visits: Visits, gateway: Served) -> None:
    for name in ("one.bin", "two.bin"):
        processed_file(gateway.core, b"x", owner=OWNER, name=name)
    page = visits.signed_in(f"http://127.0.0.1:{gateway.port}", OWNER)
    press(page, "Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    press(page, "Enter")
    expect(page.locator("main")).to_be_focused()
    press(page, "?")
    for says in ("Rename", "Move to the trash", "Undo"):
        expect(page.locator("dialog td", has_text=says)).to_be_visible()
    press(page, "Escape", "ArrowDown")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.get_by_role("link", name="two.bin")).to_be_focused()
    assert page.evaluate(FOCUS)

    press(page, "s")
    expect(page.locator("dialog h2")).to_have_text("Share two.bin")
    press(page, "Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.get_by_role("link", name="two.bin")).to_be_focused()

    # The name is selected without its ending.
    press(page, "F2")
    expect(page.locator("dialog input")).to_be_focused()
    page.keyboard.type("three")
    press(page, "Enter")
    expect(page.get_by_role("link", name="three.bin")).to_be_focused()

    press(page, "m")
    expect(page.get_by_label("Folder", exact=False)).to_be_focused()
    page.keyboard.type("Archive")
    press(page, "Enter")
    expect(page.locator(".tile", has_text="Archive")).to_be_visible()
    expect(page.get_by_role("link", name="three.bin")).to_be_focused()

    press(page, "Space")
    expect(page.locator(".chosen")).to_contain_text("1 selected")
    press(page, "Delete")
    expect(page.locator(".file")).to_have_count(1)
    press(page, "Control+z")
    expect(page.locator(".file")).to_have_count(2)

    with page.expect_file_chooser() as chooser:
        # Keys overtake the request of the driver to be told of choosers, unless the page has answered one of its own.
        page.evaluate("() => null")
        press(page, "u")
    chooser.value.set_files({"name": "four.txt", "mimeType": "text/plain", "buffer": b"four"})
    expect(page.locator(".upload")).to_have_attribute("data-state", "done")
    names = {each["name"] for each in call(gateway.core, "files.list", owner=OWNER)["files"]}
    assert names == {"one.bin", "three.bin", "four.txt"}

    page.get_by_label("Your account").focus()
    press(page, "Enter", "Escape")
    expect(page.get_by_label("Your account")).to_be_focused()
    press(page, "Enter", "Tab", "Enter")
    expect(page.locator(".file")).to_have_count(0)


def test_a_dialog_that_closes_takes_no_focus_that_has_moved_on(visits: Visits, gateway: Served) -> None:
    for name in ("one.bin", "two.bin"):
        processed_file(gateway.core, b"x", owner="ida", name=name)
    page = visits.signed_in(f"http://127.0.0.1:{gateway.port}", "ida")
    page.get_by_role("link", name="one.bin").focus()
    press(page, "?")
    expect(page.locator("dialog table")).to_be_visible()
    # A browser tells of Escape after the next keys, when these come fast.
    page.evaluate("() => { document.querySelector('dialog').close(); document.querySelector('a.name').focus(); }")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.get_by_role("link", name="two.bin")).to_be_focused()
