"""Errors for people who come with a browser: a page with the same status; programs get the envelope as ever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from files_service.core import Core
from tests.cores import memory_core
from tests.gateway.serving import Reply, Served, serving
from tests.pages.visits import cookie

# What browsers send with a navigation.
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(memory_core(tmp_path_factory.mktemp("data"))) as found:
        yield found


def is_page(reply: Reply) -> bool:
    policy = reply.headers["Content-Security-Policy"]
    assert "script-src 'nonce-" in policy or policy.startswith("default-src 'none'")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    return reply.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing/here", 404),
        ("GET", "/sign-in/more", 404),
        ("GET", "/docs/more", 404),
        ("GET", "/delete", 405),
        ("POST", "/sign-in", 403),
        ("GET", "/blobs/x", 404),
        ("GET", f"/?{'&'.join(f'p{number}=1' for number in range(200))}", 400),
    ],
)
def test_a_browser_gets_a_page_and_a_program_the_envelope_with_one_status(
    served: Served, method: str, path: str, status: int
) -> None:
    other = {"Origin": "https://elsewhere.example"} if method == "POST" else {}
    page = served.request(method, path, headers={**BROWSER, **other})
    assert (page.status, is_page(page)) == (status, True)
    text = page.body.decode()
    assert text.count("<h1>") == 1
    assert text.count('class="button main"') == 1
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}, {**BROWSER, "Authorization": "Bearer x"}):
        envelope = served.request(method, path, headers={**accept, **other})
        assert (envelope.status, envelope.error["code"] != "") == (status, True)


@pytest.mark.parametrize("path", ["/api/files", "/api/nothing", "/rpc/files.nothing", "/tus/x", "/s3/x"])
def test_addresses_of_programs_answer_browsers_as_they_answer_programs(served: Served, path: str) -> None:
    reply = served.request("GET", path, headers=BROWSER)
    assert reply.status in (401, 404, 405, 412)
    if path != "/s3/x":
        assert reply.headers["Content-Type"] == "application/json"


def test_the_page_repeats_nothing_of_the_address(served: Served) -> None:
    reply = served.request("GET", "/%3Cscript%3Ealert(1)%3C/script%3E?%22%3E%3Cscript%3E", headers=BROWSER)
    assert (reply.status, is_page(reply)) == (404, True)
    assert b"<script>" not in reply.body
    assert b"alert" not in reply.body


def test_who_is_signed_in_keeps_the_frame_and_goes_to_the_own_files(served: Served) -> None:
    reply = served.request("GET", "/nothing", headers={**BROWSER, **cookie("ann")})
    assert reply.status == 404
    assert b'data-viewer="ann"' in reply.body
    assert b"Go to your files" in reply.body
    assert reply.headers["Vary"] == "Cookie"
    stranger = served.request("GET", "/nothing", headers=BROWSER)
    assert b'data-viewer=""' in stranger.body
    assert b"Go to the start page" in stranger.body


def test_a_failure_of_ours_is_a_page_with_the_number_of_the_request(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_core: Core) -> bool:
        raise RuntimeError("the secret of the machine")

    monkeypatch.setattr("files_service.gateway.pages.people.accounts_are_on", fail)
    page = served.request("GET", "/", headers=BROWSER)
    assert (page.status, is_page(page)) == (500, True)
    assert b"Something went wrong" in page.body
    assert page.headers["X-Request-Id"].encode() in page.body
    assert b"secret" not in page.body
    assert served.request("GET", "/").error["code"] == "internal_error"
