"""Ten thousand files: the pages stay small, whatever an owner has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.cores import call, processed_file, sqlite_core
from tests.gateway.serving import Served, serving
from tests.pages.pictures import png
from tests.pages.plenty import count_all, fill, model
from tests.pages.visits import PHONE, Visits
from tests.waiting import wait_until

PLENTY = 10_000
MOST_NODES = 400


@pytest.fixture(scope="module")
def plenty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Ten thousand pictures and clips of one owner, over three months."""
    core = sqlite_core(tmp_path_factory.mktemp("data"))
    with serving(core) as served:
        picture = model(core, "beach.png", png(64, 48), "image/png", **{"thumbnail-512": png(64, 48)})
        clip = model(core, "clip.mp4", b"film", "video/mp4", poster=png(64, 36))
        fill(core, "pia", PLENTY, [picture, picture, clip], apart_ms=600_000)
        count_all(core)
        yield served


def url_of(served: Served) -> str:
    return f"http://127.0.0.1:{served.port}"


def nodes(page: Page) -> int:
    return int(page.evaluate("document.querySelectorAll('#timeline, #timeline *').length"))


# The middle of the page is covered by pictures.
SEEN = """() => [-9, 9].some((by) =>
    document.elementFromPoint(innerWidth / 2 + by, innerHeight / 2 + by)?.closest(".photo img"))"""


@pytest.mark.parametrize("viewport", [PHONE, {"width": 1440, "height": 900}, {"width": 3840, "height": 2160}])
def test_a_gallery_of_ten_thousand_keeps_few_nodes_wherever_one_looks(
    visits: Visits, plenty: Served, viewport: dict[str, int]
) -> None:
    page = visits.signed_in(url_of(plenty), "pia", viewport=viewport)
    page.goto(url_of(plenty) + "/photos")
    expect(page.locator("#timeline.window")).to_be_visible()
    assert nodes(page) <= MOST_NODES
    height = page.evaluate("document.documentElement.scrollHeight")
    for share in (0.01, 0.4, 1):
        page.evaluate("([y]) => scrollTo(0, y)", [share * height])
        page.wait_for_function(SEEN)
        assert nodes(page) <= MOST_NODES, share
    expect(page.locator('.photo[data-name="beach 00000.png"]')).to_be_in_viewport()
    # The page was as high from the beginning as it is now that its end is known.
    assert page.evaluate("document.documentElement.scrollHeight") == height
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator('.photo[data-name="beach 09999.png"]')).to_be_in_viewport()


def test_the_lightbox_goes_on_where_the_window_ends_and_comes_back_to_its_tile(visits: Visits, plenty: Served) -> None:
    page = visits.signed_in(url_of(plenty), "pia")
    page.goto(url_of(plenty) + "/photos")
    expect(page.locator("#timeline.window")).to_be_visible()
    page.locator(".photo").first.click()
    for number in range(9_998, 9_900, -1):
        page.keyboard.press("ArrowRight")
        name = f"clip {number:05}.mp4" if number % 3 == 2 else f"beach {number:05}.png"
        expect(page.locator(".lightbox h2")).to_have_text(name)
    page.keyboard.press("Escape")
    expect(page.locator(".photo:focus")).to_have_attribute("data-name", name)
    expect(page.locator(".photo:focus")).to_be_in_viewport()
    assert nodes(page) <= MOST_NODES


def test_all_of_ten_thousand_files_are_selected_and_deleted_after_a_question(visits: Visits, plenty: Served) -> None:
    page = visits.signed_in(url_of(plenty), "pia")
    expect(page.get_by_text("10,000 files")).to_be_visible()
    page.get_by_role("link", name="Next page").click()
    expect(page.locator(".file").first).to_contain_text("beach 09949.png")
    page.get_by_label("Select beach 09949.png").check()
    page.get_by_role("button", name="Select all 10,000").click()
    expect(page.locator(".chosen")).to_contain_text("10,000 selected")
    page.locator(".chosen").get_by_role("button", name="Delete").click()
    expect(page.locator("dialog")).to_contain_text("10,000 files, ")
    page.locator("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator(".chosen")).to_contain_text("10,000 selected")
    assert int(page.evaluate("document.querySelectorAll('body *').length")) < 2_500


# Files that are never read: the server lets none of them begin.
QUEUE = """async ([count]) => {
    const { take } = await import("/static/tray.js");
    const files = Array.from({length: count}, (_, number) => {
        const file = new File(["x".repeat(10)], `clip ${number}.bin`);
        return {file, path: `holiday/clip ${number}.bin`};
    });
    take(files, "");
}"""


def test_a_tray_of_ten_thousand_uploads_is_one_row_and_draws_in_bounded_steps(visits: Visits, plenty: Served) -> None:
    page = visits.signed_in(url_of(plenty), "tom", bypass_csp=True)
    page.route("**/tus/", lambda route: route.abort())
    page.evaluate("""() => {
        window.drawn = 0;
        new MutationObserver(() => (window.drawn += 1)).observe(document.getElementById("tray"), {
            subtree: true, childList: true, characterData: true, attributes: true,
        });
    }""")
    page.evaluate(QUEUE, [PLENTY])
    expect(page.locator(".upload")).to_have_count(1)
    expect(page.locator("#tray h2")).to_contain_text("Uploading 0 of 10,000")
    for button, says in (("Pause all", "Resume all"), ("Resume all", "Pause all"), ("Pause all", "Resume all")):
        page.evaluate("window.drawn = 0")
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("button", name=says)).to_be_visible()
        # Each of ten thousand changes its state; the row is drawn a few times, not once for each.
        assert page.evaluate("window.drawn") < 200, button
    assert int(page.evaluate("document.querySelectorAll('#tray *').length")) < 40
    page.get_by_role("button", name="Cancel all").click()
    expect(page.locator("#tray")).to_be_hidden()
    wait_until(lambda: page.evaluate("import('/static/queue.js').then((m) => !m.isBusy())"), seconds=60)


def test_a_month_that_gets_its_first_picture_appears_in_the_open_page(visits: Visits, plenty: Served) -> None:
    page = visits.signed_in(url_of(plenty), "new")
    page.goto(url_of(plenty) + "/photos")
    expect(page.get_by_text("No photos or videos yet")).to_be_visible()
    page.evaluate("window.first = true")
    for number in (1, 2):
        picture(plenty, f"{number}.png")
        expect(page.locator(".photo")).to_have_count(number)
    # Neither was a load.
    assert page.evaluate("window.first")


def picture(served: Served, name: str) -> None:
    """A picture of somebody, which changes once more after the worker has counted it."""
    parts = [{"size": len(png(64, 48)), "content_type": "image/png"}]
    file_id = processed_file(served.core, png(64, 48), owner="new", name=name, parts=parts)["file_id"]
    count_all(served.core)
    call(served.core, "files.update", file_id=file_id, changes={"name": f"new {name}"})
