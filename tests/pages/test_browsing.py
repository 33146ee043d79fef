"""The list of files in a real browser: what is seen, what can be done, on a wide screen and on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.cores import call, pending_file, processed_file
from tests.gateway.serving import Served
from tests.pages.pictures import png
from tests.pages.visits import PHONE, Visits, choose, more, sign_in_path, sign_out
from tests.scale import at_scale

PICTURE = png(320, 200)
NASTY = '<img src=x onerror="document.body.dataset.owned=1">.png'
FILES = at_scale(quick=200, default=200, nightly=1_000)
LONG = "a_long_name_without_a_space_" * 8 + ".tar.gz"


def url_of(served: Served) -> str:
    return f"http://127.0.0.1:{served.port}"


def picture(served: Served, owner: str, name: str = "beach.png", **params: object) -> str:
    parts = [{"size": len(PICTURE), "content_type": "image/png"}]
    file_id: str = processed_file(served.core, PICTURE, name=name, owner=owner, parts=parts, **params)["file_id"]
    return file_id


def names(page: Page) -> list[str]:
    return page.locator(".file .name").all_text_contents()


def test_an_empty_list_says_so(visits: Visits, gateway: Served) -> None:
    page = visits.signed_in(url_of(gateway), "nobody-yet")
    expect(page.locator(".empty")).to_contain_text("Drop files or folders here")
    assert "token" not in page.url
    assert page.evaluate("document.cookie") == ""


def test_names_that_would_be_scripts_are_text_everywhere(visits: Visits, gateway: Served) -> None:
    file_id = picture(gateway, "eve", NASTY)
    page = visits.signed_in(url_of(gateway), "eve")
    assert names(page) == [NASTY]
    page.get_by_role("button", name="Share").click()
    expect(page.locator("dialog h2")).to_have_text(f"Share {NASTY}")
    page.get_by_role("button", name="Cancel").click()
    choose(page, {"name": "<b onclick=alert(1)>\u202egpj.exe", "mimeType": "text/html", "buffer": b"x"})
    expect(page.locator(".upload bdi")).to_have_text("<b onclick=alert(1)>_gpj.exe")
    page.goto(f"{url_of(gateway)}/download/{file_id}")
    expect(page.locator("h1")).to_have_text(NASTY)
    assert page.evaluate("document.body.dataset.owned") is None


def test_previews_are_seen_in_the_list_and_on_the_share_page(visits: Visits, gateway: Served) -> None:
    file_id = picture(gateway, "pia", access="unlisted")
    page = visits.signed_in(url_of(gateway), "pia")
    expect(page.locator(".thumbnail img")).to_have_js_property("naturalWidth", 320)
    stranger = visits.profile().new_page()
    stranger.goto(f"{url_of(gateway)}/download/{file_id}")
    expect(stranger.locator("img.preview")).to_have_js_property("naturalWidth", 320)


def test_a_film_plays_on_the_share_page(visits: Visits, gateway: Served) -> None:
    page = visits.signed_in(url_of(gateway), "vic")
    film = bytes(page.evaluate(RECORD_A_FILM))
    parts = [{"size": len(film), "content_type": "video/webm"}]
    record = processed_file(gateway.core, film, owner="vic", name="film.webm", parts=parts)
    page.goto(f"{url_of(gateway)}/download/{record['file_id']}")
    expect(page.locator("video.preview")).to_have_js_property("videoWidth", 64)


def test_search_order_and_pages_lead_to_every_file(visits: Visits, gateway: Served) -> None:
    for number in range(60):
        processed_file(gateway.core, b"x" * (number + 1), owner="sam", name=f"clip {number:02}.bin")
    page = visits.signed_in(url_of(gateway), "sam")
    expect(page.locator(".file")).to_have_count(50)
    expect(page.get_by_text("60 files")).to_be_visible()
    assert names(page)[0] == "clip 59.bin"
    page.get_by_role("link", name="Next page").click()
    expect(page.locator(".file")).to_have_count(10)
    page.locator("summary", has_text="Newest first").click()
    page.get_by_role("link", name="Name, A to Z").click()
    page.wait_for_url("**sort=name*")
    expect(page.locator(".file .name").first).to_have_text("clip 00.bin")
    page.get_by_role("searchbox").fill("41")
    page.keyboard.press("Enter")
    page.wait_for_url("**search=41*")
    expect(page.locator(".file .name")).to_have_text(["clip 41.bin"])
    expect(page.get_by_text("1 file found")).to_be_visible()
    page.get_by_role("searchbox").fill("nothing-like-it")
    page.keyboard.press("Enter")
    expect(page.locator(".empty")).to_contain_text("Nothing found for “nothing-like-it”")
    page.get_by_role("link", name="Show all files").click()
    expect(page.locator(".file")).to_have_count(50)


def test_many_files_are_many_pages(visits: Visits, gateway: Served) -> None:
    for number in range(FILES):
        call(gateway.core, "files.upload", owner="max", name=f"clip {number}.bin", parts=[{"size": number + 1}])
    page = visits.signed_in(url_of(gateway), "max")
    expect(page.get_by_text(f"{FILES:,} files")).to_be_visible()
    seen = names(page)
    while (following := page.get_by_role("link", name="Next page")).count():
        page.goto(url_of(gateway) + str(following.get_attribute("href")), wait_until="commit")
        expect(page.get_by_role("link", name="First page")).to_be_visible()
        page.wait_for_load_state()
        seen += names(page)
    assert seen == [f"clip {number}.bin" for number in reversed(range(FILES))]


def test_the_list_works_without_scripts(visits: Visits, gateway: Served) -> None:
    processed_file(gateway.core, b"x", owner="old", name="one.bin")
    page = visits.profile(java_script_enabled=False).new_page()
    path = sign_in_path("old")
    page.goto(url_of(gateway) + path)
    page.get_by_label("Code of the sign-in link").fill(path.partition("#")[2])
    page.get_by_role("button", name="Sign in by the link").click()
    page.wait_for_url(url_of(gateway) + "/")
    assert names(page) == ["one.bin"]
    expect(page.get_by_role("button", name="Upload files")).to_be_hidden()
    page.get_by_role("searchbox").fill("two")
    page.keyboard.press("Enter")
    expect(page.locator(".empty")).to_contain_text("Nothing found")
    page.get_by_role("link", name="Show all files").click()
    page.get_by_label("Select one.bin").check()
    page.get_by_role("button", name="Delete selected").click()
    expect(page.locator(".file")).to_have_count(0)
    page.get_by_role("link", name="Trash").first.click()
    page.get_by_label("Select one.bin").check()
    page.get_by_role("button", name="Restore selected").click()
    expect(page.locator(".empty")).to_have_text("The trash is empty.")
    page.get_by_role("link", name="Files", exact=True).click()
    assert names(page) == ["one.bin"]


def test_the_address_is_copied_and_access_decides_who_can_use_it(visits: Visits, gateway: Served) -> None:
    file_id = picture(gateway, "cia")
    page = visits.signed_in(url_of(gateway), "cia", permissions=["clipboard-read", "clipboard-write"])
    more(page, "beach.png", "Copy link")
    expect(page.locator(".toast")).to_contain_text("The file is private: the link opens for you alone")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == f"{url_of(gateway)}/download/{file_id}"
    stranger = visits.profile().new_page()
    page.get_by_role("button", name="Share").click()
    page.locator("dialog summary", has_text="Address of the file").click()
    for access, label, status in (("unlisted", "Link", 200), ("private", "Private", 404), ("public", "Public", 200)):
        page.locator(f'dialog input[value="{access}"]').check()
        # Nothing is shared by the choice alone.
        assert call(gateway.core, "files.info", file_id=file_id)["access"] != access
        page.get_by_role("button", name="Set access").click()
        expect(page.locator("dialog summary", has_text=f"Address of the file: {label}")).to_be_visible()
        answer = stranger.goto(link)
        assert answer is not None
        assert answer.status == status
    stranger.goto(url_of(gateway))
    expect(stranger.locator(".file")).to_have_count(0)


def test_a_link_with_rules_is_made_and_copied(visits: Visits, gateway: Served) -> None:
    file_id = picture(gateway, "lia")
    page = visits.signed_in(url_of(gateway), "lia", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Share").click()
    page.get_by_label("Password").fill("a secret phrase")
    page.get_by_role("button", name="Create link").click()
    expect(page.locator(".toast")).to_contain_text("Send the password separately")
    link = page.evaluate("navigator.clipboard.readText()")
    stranger = visits.profile().new_page()
    stranger.goto(link)
    stranger.get_by_label("Password").fill("a secret phrase")
    stranger.get_by_role("button", name="Open").click()
    expect(stranger.locator("h1")).to_have_text("beach.png")
    [share] = call(gateway.core, "shares.list", owner="lia")["shares"]
    assert (share["items"], share["expires_at"] is not None) == ([file_id], True)


def test_what_was_deleted_by_mistake_comes_back_by_keyboard_alone(visits: Visits, gateway: Served) -> None:
    for name in ("one.bin", "two.bin"):
        processed_file(gateway.core, b"x", owner="dan", name=name)
    page = visits.signed_in(url_of(gateway), "dan")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="two.bin")).to_be_focused()
    page.keyboard.press("Delete")
    expect(page.locator(".toast")).to_contain_text("two.bin moved to the trash")
    expect(page.locator(".file")).to_have_count(1)
    expect(page.get_by_role("link", name="one.bin")).to_be_focused()
    assert [each["name"] for each in call(gateway.core, "files.list", owner="dan")["files"]] == ["one.bin"]
    page.keyboard.press("Control+z")
    expect(page.locator(".file")).to_have_count(2)
    assert len(call(gateway.core, "files.list", owner="dan")["files"]) == 2


def test_a_refusal_is_said_beside_the_question_and_nothing_is_lost(visits: Visits, gateway: Served) -> None:
    processed_file(gateway.core, b"x", owner="rex", name="one.bin")
    page = visits.signed_in(url_of(gateway), "rex")
    page.route("**/api/files/bulk", lambda route: route.fulfill(status=503, body="{}"))
    more(page, "one.bin", "Rename")
    page.locator("dialog input").fill("two.bin")
    page.locator("dialog").get_by_role("button", name="Rename").click()
    expect(page.locator('dialog [role="alert"]')).to_have_text("The service does not answer at the moment.")
    expect(page.locator("dialog input")).to_have_value("two.bin")
    page.unroute("**/api/files/bulk")
    page.locator("dialog").get_by_role("button", name="Rename").click()
    expect(page.locator(".file .name")).to_have_text(["two.bin"])
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".file .name")).to_have_text(["one.bin"])


def test_many_files_are_selected_across_pages_and_moved_into_a_folder(visits: Visits, gateway: Served) -> None:
    for number in range(55):
        path = f"top/{number:02}.bin"
        processed_file(gateway.core, b"x" * (number + 1), owner="sel", name=f"{number:02}.bin", path=path)
    page = visits.signed_in(url_of(gateway), "sel")
    page.get_by_label("Select 54.bin").check()
    page.get_by_role("link", name="Next page").click()
    expect(page.locator(".file")).to_have_count(5)
    expect(page.locator(".chosen")).to_contain_text("1 selected")
    page.get_by_role("button", name="Select all 55").click()
    expect(page.locator(".chosen")).to_contain_text("55 selected")
    page.locator(".chosen").get_by_role("button", name="Move").click()
    page.get_by_label("Folder").fill("archive/2026")
    page.locator("dialog").get_by_role("button", name="Move").click()
    expect(page.locator(".toast").last).to_contain_text("55 files moved to archive/2026")
    assert len(call(gateway.core, "folders.list", owner="sel", path="archive/2026")["files"]) == 55
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("link", name="Files", exact=True).click()
    page.get_by_role("link", name="top", exact=True).click()
    expect(page.locator("h1")).to_be_focused()
    expect(page.locator(".file")).to_have_count(55)


def test_open_pages_show_what_happens_elsewhere_and_keep_the_focus(visits: Visits, gateway: Served) -> None:
    first = processed_file(gateway.core, b"x", owner="liv", name="first.bin")["file_id"]
    page = visits.signed_in(url_of(gateway), "liv")
    page.get_by_role("link", name="first.bin").focus()
    with page.expect_response("**/"):
        processed_file(gateway.core, b"x", owner="liv", name="second.bin")
    expect(page.locator(".file")).to_have_count(2)
    call(gateway.core, "files.update", file_id=first, changes={"name": "renamed.bin"})
    expect(page.locator(".file .name", has_text="renamed.bin")).to_have_count(1)
    expect(page.get_by_role("link", name="renamed.bin")).to_be_focused()
    call(gateway.core, "files.remove", file_id=first)
    expect(page.locator(".file")).to_have_count(1)
    processed_file(gateway.core, b"x", owner="somebody-else", name="other.bin")
    pending_file(gateway.core, b"x", owner="liv", name="third.bin")
    expect(page.locator(".file", has_text="third.bin")).to_contain_text("Upload incomplete")
    assert names(page) == ["third.bin", "second.bin"]


def test_signing_out_closes_the_list(visits: Visits, gateway: Served) -> None:
    page = visits.signed_in(url_of(gateway), "out")
    sign_out(page)
    expect(page.get_by_text("open your sign-in link")).to_be_visible()
    page.go_back()
    expect(page.locator("#drop")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_fits_a_phone_and_can_be_read(visits: Visits, gateway: Served, scheme: str) -> None:
    if not call(gateway.core, "files.list", owner="pho")["files"]:
        for name in (LONG, NASTY, "long words " * 20, "plain.bin"):
            picture(gateway, "pho", name.strip(), access="unlisted")
    page = visits.signed_in(url_of(gateway), "pho", viewport=PHONE, color_scheme=scheme, has_touch=True)
    choose(page, {"name": LONG, "mimeType": "text/plain", "buffer": b"x" * 99})
    expect(page.locator(".upload")).to_have_count(1)
    paths = ["/", "/trash", "/cards", str(page.locator("a.name").last.get_attribute("href")), "/download/x", "/docs"]
    for path in paths:
        if page.url != url_of(gateway) + path:
            page.goto(url_of(gateway) + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        assert page.evaluate(POOR_CONTRAST) == [], path
        assert page.evaluate(NAMELESS) == [], path


# Records a second of a changing picture, as a phone would bring it.
RECORD_A_FILM = """async () => {
    const canvas = Object.assign(document.createElement("canvas"), {width: 64, height: 48});
    const recorder = new MediaRecorder(canvas.captureStream(20), {mimeType: "video/webm;codecs=vp8"});
    const pieces = [];
    recorder.ondataavailable = (event) => pieces.push(event.data);
    const ended = new Promise((resolve) => (recorder.onstop = resolve));
    recorder.start();
    for (let frame = 0; frame < 20; frame += 1) {
        const context = canvas.getContext("2d");
        context.fillStyle = `hsl(${frame * 18} 80% 50%)`;
        context.fillRect(0, 0, 64, 48);
        await new Promise((resolve) => setTimeout(resolve, 40));
    }
    recorder.stop();
    await ended;
    return [...new Uint8Array(await new Blob(pieces).arrayBuffer())];
}"""

# Text whose contrast with what is behind it is below 4.5 to 1 (WCAG 2.2, 1.4.3).
POOR_CONTRAST = """() => {
    const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const behind = (element) => {
        for (; element; element = element.parentElement) {
            const colour = parse(getComputedStyle(element).backgroundColor);
            if (colour.length < 4 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const poor = [];
    for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || element.disabled || !element.checkVisibility()) continue;
        const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) poor.push(`${element.tagName} ${element.className} ${contrast.toFixed(2)}`);
    }
    return poor;
}"""

# Controls that a screen reader could not name.
NAMELESS = """() => [...document.querySelectorAll("button, select, input, a, progress, video, audio")]
    .filter((each) => !each.closest("[aria-hidden=true]"))
    .filter((each) => !(each.labels?.length && each.labels[0].textContent.trim()))
    .filter((each) => !each.getAttribute("aria-label") && !each.textContent.trim())
    .map((each) => each.outerHTML)"""
