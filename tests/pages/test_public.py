"""Links in a real browser: what a link shows, how it ends before the visitor's eyes, and files that visitors bring."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.cores import call
from tests.gateway.serving import Served, serving
from tests.pages.pictures import png
from tests.pages.visits import DESKTOP, PHONE, Visits, drop
from tests.people.links import PASSWORD, move_to, share, stored, stored_at
from tests.people.persons import Person, appoint, open_people
from tests.waiting import wait_until

STATIC = files("files_service.gateway.pages") / "static"
SHARE_SCRIPT_BYTES = 25_000
# A name of joined emoji and one that is written from right to left.
NAMES = ("family \U0001f468\u200d\U0001f469\u200d\U0001f467.txt", "\u0645\u0631\u062d\u0628\u0627 2026.txt")


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Served]:
    with serving(open_people(tmp_path)) as served:
        yield served


@pytest.fixture
def ann(gateway: Served) -> Person:
    """The owner of the links."""
    return appoint(gateway, "ann")


def address_of(gateway: Served, made: Any) -> str:
    return f"http://127.0.0.1:{gateway.port}/s/{made['key']}"


def look_again(page: Page) -> None:
    """Come back to the page, as people do."""
    page.evaluate("window.dispatchEvent(new Event('focus'))")


def picture(ann: Person, name: str, width: int = 40, height: int = 30) -> str:
    return stored(ann, name, png(width, height), content_type="image/png")


def bring(page: Page, *sent: FilePayload) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Select files").click()
    chooser.value.set_files(list(sent))


def sample(name: str, content: bytes = b"x" * 1_000) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def modules_of(name: str, found: set[str]) -> set[str]:
    """The scripts that a script loads, at once or later, and itself."""
    if name not in found:
        found.add(name)
        for other in re.findall(r'(?:from|import\()\s*"\./([a-z_]+\.js)"', (STATIC / name).read_text()):
            modules_of(other, found)
    return found


def test_the_scripts_of_a_link_stay_small() -> None:
    names = modules_of("public.js", set())
    assert {"lightbox.js", "tray.js", "bring.js"} <= names
    assert not {"app.js", "files.js", "photos.js"} & names
    size = sum(len(gzip.compress((STATIC / name).read_bytes(), 9, mtime=0)) for name in names)
    assert size <= SHARE_SCRIPT_BYTES, f"{size} bytes in {sorted(names)}"


def test_the_styles_stay_small() -> None:
    sheets = [each for each in STATIC.iterdir() if each.name.endswith(".css")]
    assert sum(len(gzip.compress(each.read_bytes(), 9, mtime=0)) for each in sheets) <= 15_000


def test_a_gallery_opens_pictures_over_the_page_and_packs_a_selection(
    gateway: Served, ann: Person, visits: Visits
) -> None:
    ids = [picture(ann, f"p{number}.png", 40 + 20 * number) for number in range(3)]
    made = share(ann, *ids, title="Weekend", message="All of it")
    page = visits.profile().new_page()
    page.goto(address_of(gateway, made))
    expect(page.locator(".gallery img")).to_have_count(3)
    # The boxes are there before the pictures are.
    assert page.locator(".gallery img").first.get_attribute("width") is not None
    page.locator(".gallery .photo").nth(1).click()
    dialog = page.locator("dialog.lightbox")
    expect(dialog.locator("h2")).to_have_text("p1.png")
    assert f"open={ids[1]}" in page.url
    page.keyboard.press("ArrowRight")
    expect(dialog.locator("h2")).to_have_text("p2.png")
    page.keyboard.press("i")
    expect(dialog.locator(".info")).to_contain_text("p2.png")
    with page.expect_download() as waiting:
        dialog.get_by_role("link", name="Download").click()
    assert waiting.value.suggested_filename == "p2.png"
    # A swipe is not for everybody.
    page.set_viewport_size(PHONE)
    dialog.get_by_role("button", name="Previous").click()
    expect(dialog.locator("h2")).to_have_text("p1.png")
    page.set_viewport_size(DESKTOP)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert "open=" not in page.url
    page.get_by_text("As a list").click()
    expect(page.get_by_role("button", name="Download selected")).to_be_disabled()
    page.get_by_label("Select p0.png").check()
    page.get_by_label("Select p2.png").check()
    expect(page.locator("#selected")).to_contain_text("2 files selected")
    with page.expect_download() as packed:
        page.get_by_role("button", name="Download selected").click()
    with zipfile.ZipFile(io.BytesIO(Path(packed.value.path()).read_bytes())) as archive:
        assert archive.namelist() == ["p0.png", "p2.png"]


def test_a_folder_is_read_and_downloaded_without_scripts(gateway: Served, ann: Person, visits: Visits) -> None:
    stored_at(ann, "trip/day/deep.txt", b"deep")
    for name in NAMES:
        move_to(gateway, stored(ann, "x.txt", b"x"), f"trip/{name}")
    made = share(ann, path="trip", title="Trip", message="Enjoy")
    page = visits.profile(java_script_enabled=False, viewport={"width": 360, "height": 740}).new_page()
    page.goto(address_of(gateway, made))
    expect(page.locator("blockquote")).to_have_text("Enjoy")
    expect(page.locator(".facts")).to_contain_text("3 files")
    for name in NAMES:
        expect(page.get_by_text(name, exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    with page.expect_download() as whole:
        page.get_by_role("button", name="Download all (ZIP, 6 B)").click()
    with zipfile.ZipFile(io.BytesIO(Path(whole.value.path()).read_bytes())) as archive:
        assert set(archive.namelist()) == {"day/deep.txt", *NAMES}
    page.goto(address_of(gateway, made))
    page.get_by_role("link", name="day").click()
    expect(page.locator("h1")).to_have_text("day")
    with page.expect_download() as one:
        page.get_by_role("button", name="Download deep.txt").or_(
            page.get_by_role("link", name="Download deep.txt")
        ).click()
    assert one.value.suggested_filename == "deep.txt"
    page.get_by_role("link", name="Trip").click()
    expect(page.locator("h1")).to_have_text("Trip")


def test_a_link_that_ends_says_so_on_the_open_page(gateway: Served, ann: Person, visits: Visits) -> None:
    made = share(ann, stored(ann), stored(ann, "b.txt"), title="Trip")
    page = visits.profile().new_page()
    page.goto(address_of(gateway, made))
    expect(page.locator("h1")).to_have_text("Trip")
    call(gateway.core, "shares.revoke", share_id=made["share_id"])
    look_again(page)
    expect(page.locator("h1")).to_have_text("This link has ended")
    expect(page.locator("h1")).to_be_focused()
    expect(page.get_by_text("Trip")).to_have_count(0)


def test_a_file_that_is_shared_no_more_says_so_on_the_open_page(gateway: Served, ann: Person, visits: Visits) -> None:
    file_id = stored(ann, access="unlisted")
    page = visits.profile().new_page()
    page.goto(f"http://127.0.0.1:{gateway.port}/download/{file_id}")
    expect(page.locator("h1")).to_have_text("a.txt")
    call(gateway.core, "files.access", file_ids=[file_id], access="private")
    look_again(page)
    expect(page.locator("h1")).to_have_text("There is no such file")


def test_a_visitor_brings_files_under_a_name_and_hears_the_end(gateway: Served, ann: Person, visits: Visits) -> None:
    made = share(ann, kind="drop", path="in", title="Photos, please", require_name=True, max_files=4, max_bytes=9_000)
    page = visits.profile().new_page()
    page.goto(address_of(gateway, made))
    expect(page.locator(".limits")).to_contain_text("At most 4 files in all.")
    bring(page, *(sample(f"{number}.bin") for number in range(5)))
    expect(page.locator("#bring-fault")).to_contain_text("The link takes 4 files in all")
    bring(page, sample("large.bin", bytes(10_000)))
    expect(page.locator("#bring-fault")).to_contain_text("the link takes 9.0 kB in all")
    bring(page, sample("a.bin"), sample("b.bin"))
    expect(page.locator("#bring-fault")).to_contain_text("Enter your name above: then 2 files will be sent.")
    expect(page.get_by_label("Your name")).to_be_focused()
    page.get_by_label("Your name").press_sequentially("Bob")
    page.keyboard.press("Tab")
    expect(page.locator("#sent")).to_contain_text("2 files sent to “Photos, please”.")
    found = call(gateway.core, "files.list", owner="ann", order_by="name", order="asc")["files"]
    assert [each["path"] for each in found] == ["in/Bob/a.bin", "in/Bob/b.bin"]
    page.reload()
    expect(page.get_by_text("Uploaded in this visit")).to_be_visible()
    bring_more = page.get_by_label("Your name")
    bring_more.fill("Bob")
    bring(page, *(sample(f"{number}.bin") for number in range(3)))
    # Two of the four were there already.
    expect(page.locator(".upload-says").last).to_contain_text("1 file not uploaded")
    expect(page.locator(".upload-says").last).to_contain_text("The link takes no more files")


def test_a_folder_that_a_visitor_drops_keeps_its_paths(
    gateway: Served, ann: Person, visits: Visits, tmp_path: Path
) -> None:
    folder = tmp_path / "trip"
    (folder / "day one").mkdir(parents=True)
    (folder / "empty.txt").touch()
    for number in range(120):
        (folder / "day one" / f"{number}.bin").write_bytes(bytes(number))
    alone = tmp_path / "alone.txt"
    alone.write_bytes(b"alone")
    page = visits.profile().new_page()
    page.goto(address_of(gateway, share(ann, kind="drop", path="in", title="Photos, please")))
    expect(page.get_by_role("button", name="Select files")).to_be_visible()
    drop(page, folder, alone)
    expect(page.locator("#sent")).to_contain_text("122 files sent to “Photos, please”.")
    expected = {"in/alone.txt": 5, "in/trip/empty.txt": 0}
    expected |= {f"in/trip/day one/{number}.bin": number for number in range(120)}
    found: list[Any] = []
    cursor = None
    while not found or cursor:
        listed = call(gateway.core, "files.list", owner="ann", limit=100, **({"cursor": cursor} if cursor else {}))
        found, cursor = found + listed["files"], listed["next_cursor"]
    assert {each["path"]: each["size"] for each in found} == expected


def test_an_upload_of_a_visitor_goes_on_after_the_page_was_closed(
    gateway: Served, ann: Person, visits: Visits, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 20_000
    path = tmp_path / "clip.bin"
    path.write_bytes(content)
    made = share(ann, kind="drop", path="in")
    profile = visits.profile()
    page = profile.new_page()
    offsets: list[int] = []

    def cut(route: Any) -> None:
        # The first piece arrives, the second one never leaves.
        if route.request.method == "PATCH":
            offsets.append(int(route.request.headers["upload-offset"]))
        if len(offsets) > 1:
            route.abort()
        else:
            route.continue_()

    page.route("**/tus/**", cut)
    page.goto(address_of(gateway, made))
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Select files").click()
    chooser.value.set_files(path)
    expect(page.locator(".upload-says")).to_contain_text("Interrupted, trying again")
    page.close(run_before_unload=False)
    again = profile.new_page()
    later: list[int] = []
    again.on(
        "request", lambda each: later.append(int(each.headers["upload-offset"])) if each.method == "PATCH" else None
    )
    again.goto(address_of(gateway, made))
    expect(again.locator(".upload-says")).to_contain_text("Select the same file again to resume")
    with again.expect_file_chooser() as chooser:
        again.get_by_role("button", name="Select clip.bin again to resume").click()
    chooser.value.set_files(path)
    expect(again.locator("#sent")).to_contain_text("1 file sent")
    # No byte is sent twice: the next piece begins where the first one ended.
    assert later[0] == offsets[1] > offsets[0] == 0
    assert later == sorted(set(later))
    [record] = call(gateway.core, "files.list", owner="ann")["files"]
    assert (record["path"], record["size"]) == ("in/clip.bin", len(content))


def test_uploads_wait_for_a_new_password_and_end_with_the_link(gateway: Served, ann: Person, visits: Visits) -> None:
    made = share(ann, kind="drop", path="in", title="Photos", password=PASSWORD)
    page = visits.profile().new_page()
    page.goto(address_of(gateway, made))
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#password-fault")).to_have_text("The password is wrong.")
    expect(page.get_by_label("Password")).to_be_focused()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Open").click()
    bring(page, sample("a.bin"))
    expect(page.locator("#sent")).to_contain_text("1 file sent to “Photos”")
    changed = ann.call("shares.update", share_id=made["share_id"], changes={"password": "another one"})
    assert changed.status == 200
    bring(page, sample("b.bin"))
    # The upload is refused, and the page asks for the password instead of what it showed.
    expect(page.locator("h1")).to_have_text("Password needed")
    expect(page.locator("#uploads .upload.failed")).to_have_count(1)
    page.get_by_label("Password").fill("another one")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("h1")).to_have_text("Photos")
    expect(page.locator("#uploads .upload.failed")).to_have_count(0)
    wait_until(lambda: len(call(gateway.core, "files.list", owner="ann")["files"]) == 2, seconds=60)
    call(gateway.core, "shares.revoke", share_id=made["share_id"])
    bring(page, sample("c.bin"))
    expect(page.locator("#uploads .upload.failed")).to_contain_text("The link has ended")
    look_again(page)
    expect(page.locator("h1")).to_have_text("This link has ended")


def test_an_ended_session_is_said_and_a_new_one_goes_on(gateway: Served, ann: Person, visits: Visits) -> None:
    url = f"http://127.0.0.1:{gateway.port}"
    profile = visits.profile()
    page = profile.new_page()

    def sign_in(where: Page) -> None:
        where.goto(f"{url}/sign-in")
        where.get_by_label("Name").fill("ann")
        where.get_by_label("Password").fill("correct horse battery")
        where.get_by_role("button", name="Sign in").click()
        where.wait_for_selector('h1:has-text("Your files")')

    sign_in(page)
    page.wait_for_selector(".title .scripted:not([hidden])")
    other = profile.new_page()
    for session in ann.get("/api/auth/sessions").json["sessions"]:
        if not session.get("current"):
            ann.delete(f"/api/auth/sessions/{session['session_id']}")
    page.evaluate("document.dispatchEvent(new Event('refused'))")
    expect(page.get_by_role("alert").filter(has_text="You are signed out")).to_be_visible()
    sign_in(other)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("alert").filter(has_text="You are signed out")).to_have_count(0)
