"""The tray of uploads where the network, another page or the reader does something unusual."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.cores import call
from tests.gateway.serving import Served
from tests.pages.visits import WAIT_MS, Visits, choose


def url_of(served: Served) -> str:
    return f"http://127.0.0.1:{served.port}"


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
