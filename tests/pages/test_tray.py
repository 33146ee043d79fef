"""The tray of uploads where the network, another page or the reader does something unusual."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from files_service.gateway.auth.bearer import make_token
from files_service.gateway.auth.cookies import COOKIE
from tests.cores import SECRETS, call
from tests.gateway.serving import Served
from tests.pages.visits import WAIT_MS, Visits, choose

PIECES = re.compile("/tus/.+")


def url_of(served: Served) -> str:
    return f"http://127.0.0.1:{served.port}"


def token_of(owner: str) -> str:
    return make_token(owner, SECRETS["FILES_JWT_SECRET"], 600)


def files_of(served: Served, owner: str) -> list[tuple[str, str]]:
    return sorted((each["name"], each["status"]) for each in call(served.core, "files.list", owner=owner)["files"])


def paths(folder: Path, *names: str) -> list[Path]:
    made = [folder / name for name in names]
    for path in made:
        path.write_bytes(path.name.encode())
    return made


def expect_state(page: Page, state: str) -> None:
    expect(page.locator(".upload")).to_have_attribute("data-state", state, timeout=2 * WAIT_MS)


def test_a_creation_whose_answer_is_lost_leaves_one_file(visits: Visits, gateway: Served, tmp_path: Path) -> None:
    page = visits.signed_in(url_of(gateway), "lost")
    lost: list[int] = []

    def lose(route: Route) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().status)
            route.abort()
        else:
            route.continue_()

    page.context.route("**/tus/**", lose)
    choose(page, *paths(tmp_path, "clip.bin"))
    expect_state(page, "done")
    assert lost == [201]
    assert files_of(gateway, "lost") == [("clip.bin", "uploaded")]


def test_what_a_proxy_or_a_foreign_network_answers_is_no_end(visits: Visits, gateway: Served, tmp_path: Path) -> None:
    page = visits.signed_in(url_of(gateway), "port")
    answered: list[tuple[str, int]] = []

    def answer(route: Route) -> None:
        for status in (429, 200):
            if (route.request.method, status) not in answered and "/tus/" in route.request.url:
                answered.append((route.request.method, status))
                return route.fulfill(status=status, content_type="text/html", body="<p>Sign in to this network")
        return route.continue_()

    page.context.route("**/tus/**", answer)
    choose(page, *paths(tmp_path, "clip.bin"))
    expect_state(page, "done")
    assert sorted(answered) == [(method, status) for method in ("HEAD", "PATCH", "POST") for status in (200, 429)]
    assert files_of(gateway, "port") == [("clip.bin", "uploaded")]


def test_what_another_page_sends_is_interrupted_only_when_that_page_is_closed(
    visits: Visits, gateway: Served, tmp_path: Path
) -> None:
    page = visits.signed_in(url_of(gateway), "two")
    # Nobody answers: the first piece of several stays under way. It may arrive when the page is closed.
    page.route(PIECES, lambda route: None)
    [clip] = paths(tmp_path, "clip.bin")
    clip.write_bytes(b"x" * 3_000_000)
    with page.expect_request(PIECES):
        choose(page, clip)
    other = page.context.new_page()
    other.goto(url_of(gateway))
    # The other page has found out who sends it, and waits for the end of that.
    other.wait_for_function("() => navigator.locks.query().then(({ pending }) => pending.length === 1)")
    expect(other.locator(".upload")).to_have_count(0)
    page.close(run_before_unload=False)
    expect_state(other, "unfinished")
    with other.expect_response(lambda answer: answer.request.method == "DELETE"):
        other.get_by_label("Cancel clip.bin").click()
    assert files_of(gateway, "two") == []


def test_giving_interrupted_uploads_up_keeps_files_whose_end_was_not_heard(
    visits: Visits, gateway: Served, tmp_path: Path
) -> None:
    page = visits.signed_in(url_of(gateway), "end")
    places: list[str] = []
    page.on("response", lambda answer: places.extend([answer.headers["location"]] if answer.status == 201 else []))
    choose(page, *paths(tmp_path, "a.bin", "b.bin", "c.bin"))
    expect_state(page, "done")
    # The last one is not there yet.
    half = {"Upload-Length": "5", "Tus-Resumable": "1.0.0", "Upload-Metadata": "path ZC5iaW4="}
    page.evaluate("(headers) => fetch('/tus/', { method: 'POST', headers })", half)
    expect(page.locator(".file")).to_have_count(4)
    page.evaluate(
        """(places) => places.forEach((place, index) => localStorage.setItem(
            `files:upload:end:${JSON.stringify(["abcd"[index] + ".bin", 5, 1])}`,
            JSON.stringify({ uploadId: place.split("/").pop() })))""",
        places,
    )
    page.reload()
    expect(page.locator(".upload")).to_contain_text("4 interrupted uploads")
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        page.get_by_label("Cancel 4 interrupted uploads").click()
    expect(page.locator(".file")).to_have_count(3)
    assert files_of(gateway, "end") == [(name, "uploaded") for name in ("a.bin", "b.bin", "c.bin")]
    page.reload()
    expect(page.locator(".file")).to_have_count(3)
    expect(page.locator(".upload")).to_have_count(0)


def test_a_batch_of_which_some_failed_says_how_many_and_is_cancelled_in_silence(
    visits: Visits, gateway: Served, tmp_path: Path
) -> None:
    page = visits.signed_in(url_of(gateway), "some")
    page.context.route("**/tus/", lambda route: route.fulfill(status=403))
    page.evaluate("document.addEventListener('uploaded', ({ detail }) => (window.told ??= []).push(detail))")
    choose(page, *paths(tmp_path, "a.bin", "b.bin", "c.bin"))
    expect_state(page, "failed")
    said = "3 files not uploaded: a.bin: The server answered 403"
    expect(page.locator(".toast p")).to_have_text([said])
    page.context.unroute("**/tus/")
    page.context.route("**/tus/", lambda route: route.continue_())
    page.get_by_role("button", name="Try again: 3 files").click()
    expect_state(page, "done")
    assert page.evaluate("window.told") == [3]
    page.get_by_label("Clear 3 files").click()
    page.context.route("**/tus/", lambda route: route.fulfill(status=403))
    choose(page, *paths(tmp_path, "d.bin", "e.bin"))
    expect(page.locator(".toast p")).to_have_count(2)
    page.get_by_role("button", name="Cancel all").click()
    expect(page.locator(".upload")).to_have_count(0)
    expect(page.locator(".toast p")).to_have_count(2)


def test_files_of_a_page_never_go_to_whoever_signed_in_after(visits: Visits, gateway: Served, tmp_path: Path) -> None:
    page = visits.signed_in(url_of(gateway), "ännä")
    page.context.route("**/tus/", lambda route: route.abort())
    choose(page, *paths(tmp_path, "private.bin"))
    expect_state(page, "broken")
    page.get_by_role("button", name="Pause: private.bin").click()
    page.context.unroute("**/tus/")
    page.context.add_cookies([{"name": COOKIE, "value": token_of("bob"), "url": url_of(gateway)}])
    page.get_by_role("button", name="Resume: private.bin").click()
    expect_state(page, "failed")
    expect(page.locator(".banner")).to_contain_text("Somebody else is signed in")
    assert files_of(gateway, "bob") == []
    page.context.add_cookies([{"name": COOKIE, "value": token_of("ännä"), "url": url_of(gateway)}])
    # As when one comes back to the page.
    page.evaluate("document.dispatchEvent(new Event('refused'))")
    expect_state(page, "done")
    assert files_of(gateway, "ännä") == [("private.bin", "uploaded")]
