"""The pages of memory cards without a browser, and what open pages are told of cards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.cores import call, memory_core
from tests.gateway.owners import bearer
from tests.gateway.serving import Reply, Served, serving
from tests.pages.test_events import listening
from tests.pages.visits import Visits, cookie
from tests.unit.cards.scenes import CARD, OWNER, begun, brought, copied, verified

HOSTILE = "<script>alert(1)</script>\u202e.MP4"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(memory_core(tmp_path_factory.mktemp("data"))) as served:
        yield served


@pytest.fixture(scope="module")
def session_id(gateway: Served) -> str:
    """A session with a verdict, whose card was inserted."""
    failed = {"path": HOSTILE, "size": 1, "mtime_at": 1, "status": "unreadable", "reason": "<b>"}
    session = copied(gateway.core, [brought(gateway.core, "DCIM/A.MP4"), failed])
    made: str = verified(gateway.core, session["session_id"])["session_id"]
    return made


def show(served: Served, path: str, owner: str = OWNER) -> Reply:
    return served.request("GET", path, headers=cookie(owner))


def is_strict(reply: Reply) -> bool:
    """True for a page that runs nothing but scripts of the package."""
    policy = reply.headers["Content-Security-Policy"]
    scripts = re.findall(rb"<script[^>]*>", reply.body)
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce is not None
    ours = f'<script type="module" nonce="{nonce[1]}" src="/static/app.js">'.encode()
    return policy.startswith("default-src 'none'") and scripts == [ours]


def test_the_list_shows_cards_and_sessions(gateway: Served, session_id: str) -> None:
    page = show(gateway, "/cards")
    assert page.status == 200
    assert f'href="/cards/{session_id}"'.encode() in page.body
    for text in (b"EOS", b"not safe to format", b"not decided", CARD.encode(), b"DO NOT FORMAT: "):
        assert text in page.body
    assert is_strict(page)
    assert b'href="/cards"' in show(gateway, "/").body


def test_a_session_shows_its_verdict_and_its_files(gateway: Served, session_id: str) -> None:
    page = show(gateway, f"/cards/{session_id}")
    assert page.status == 200
    for text in (b"DO NOT FORMAT: ", b"DCIM/A.MP4", b"cannot be read", b"1 failed", b"/download/"):
        assert text in page.body
    assert is_strict(page)
    # Neither markup nor a disguised name.
    assert b"<script>alert" not in page.body
    assert b"<b>" not in page.body
    assert "\u202e".encode() not in page.body


def test_only_a_session_that_has_brought_a_file_has_a_folder(tmp_path: Path) -> None:
    with serving(memory_core(tmp_path)) as served:
        known = copied(served.core, [brought(served.core, "DCIM/A.MP4", status="known")])["session_id"]
        assert b"in the folder" not in show(served, f"/cards/{known}").body
        call(served.core, "cards.add", session_id=known, files=[brought(served.core, "DCIM/B.MP4")])
        assert b"in the folder" in show(served, f"/cards/{known}").body


def test_the_files_of_a_clip_are_together(tmp_path: Path) -> None:
    paths = ("DCIM/100GOPRO/GX020124.MP4", "DCIM/100GOPRO/GX010124.MP4", "DCIM/100GOPRO/GL010124.LRV", "DCIM/A.JPG")
    entries = [{"path": path, "size": 1, "mtime_at": 1, "status": "unreadable"} for path in paths]
    with serving(memory_core(tmp_path)) as served:
        session_id = copied(served.core, entries)["session_id"]
        text = show(served, f"/cards/{session_id}").body.decode().partition("<h2>Files")[2]
    [heading] = re.findall(r"<h3 class=\"name\">(.*?)</h3>", text)
    assert "GoPro 0124" in heading
    assert "3 files" in heading
    shown = re.findall(r">(?:DCIM/100GOPRO/)?(G[XL]0\d0124|DCIM/A)\.", text)
    assert shown == ["GX010124", "GL010124", "GX020124", "DCIM/A"]
    assert "part 2" in text
    assert "proxy" in text


def test_nobody_else_sees_a_session(gateway: Served, session_id: str) -> None:
    others = show(gateway, f"/cards/{session_id}", "bob")
    nowhere = show(gateway, "/cards/01ARZ3NDEKTSV4RRFFQ69G5FAV", "bob")
    assert (others.status, nowhere.status) == (404, 404)
    anew = re.compile(rb'nonce="[^"]*"')
    assert anew.sub(b"", others.body) == anew.sub(b"", nowhere.body)
    for path in ("/cards", f"/cards/{session_id}"):
        stranger = gateway.request("GET", path)
        assert (stranger.status, stranger.headers["Location"]) == (303, "/")
    assert b"EOS" not in show(gateway, "/cards", "bob").body


def test_files_are_paged_without_javascript(gateway: Served, session_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("files_service.gateway.pages.cards.FILES_PER_PAGE", 1)
    first = show(gateway, f"/cards/{session_id}")
    link = re.search(rb'href="([^"]+)" rel="next"', first.body)
    assert link is not None
    second = show(gateway, link[1].decode())
    names = [re.findall(rb"<bdi[^>]*>[^<]*A\.MP4", page.body.partition(b"<h2>Files")[2]) for page in (first, second)]
    assert sorted(map(len, names)) == [0, 1]
    assert b"First page" in second.body
    assert show(gateway, f"/cards/{session_id}?cursor=%00").status == 200


def test_an_owner_is_told_of_the_own_cards_and_sessions_alone(tmp_path: Path) -> None:
    with serving(memory_core(tmp_path)) as served, listening(served, bearer(OWNER)) as listener:
        core = served.core

        def hear(event: str) -> Any:
            """The next message of this kind; none is about anybody else."""
            while (message := listener.hear())["event"] != event:
                assert message.get("card_id") != "bobs"
            return message

        assert listener.hear() == {"event": "reload"}
        call(core, "cards.inserted", owner="bob", card={"card_id": "bobs"})
        call(core, "cards.inserted", owner=OWNER, card={"card_id": CARD})
        assert hear("card_unknown")["card_id"] == CARD
        call(core, "cards.permit", owner=OWNER, card_id=CARD, state="allowed")
        assert hear("card_changed")["state"] == "allowed"
        session_id = begun(core, 1, 300)["session_id"]
        entry = brought(core, "DCIM/A.MP4")
        call(core, "cards.add", session_id=session_id, files=[entry])
        while hear("card_session")["files_done"] != 1:
            pass
        call(core, "cards.progress", session_id=session_id, state="uploaded")
        call(core, "cards.verify", session_id=session_id)
        assert hear("card_verification")["session_id"] == session_id


def test_an_open_page_follows_its_session(gateway: Served, visits: Visits) -> None:
    core, card = gateway.core, {"card_id": "follow", "label": "LIVE"}
    call(core, "cards.inserted", owner="eve", card=card)
    params: dict[str, Any] = {"card_id": "follow", "request_id": "r", "files": 2, "bytes": 2}
    session_id = call(core, "cards.begin", owner="eve", **params)["session_id"]
    url = f"http://127.0.0.1:{gateway.port}"
    page = visits.signed_in(url, "eve")
    page.get_by_role("link", name="Cards").click()
    page.get_by_role("link", name="LIVE").click()
    expect(page.locator("#live .note")).to_have_text("Being copied")
    gone = {"path": "DCIM/<i>.MP4", "size": 1, "mtime_at": 1, "status": "missing"}
    call(core, "cards.add", session_id=session_id, files=[gone])
    expect(page.locator("bdi", has_text="DCIM/<i>.MP4")).to_be_visible()
    call(core, "cards.progress", session_id=session_id, state="interrupted")
    expect(page.locator("#live .note")).to_have_text("Interrupted")


def test_a_reason_that_is_about_no_file_is_shown(tmp_path: Path) -> None:
    with serving(memory_core(tmp_path)) as served:
        session = copied(served.core, [brought(served.core, "DCIM/A.MP4")])
        verdict = verified(served.core, session["session_id"])["verdict"]
        assert any("path" not in reason for reason in verdict["reasons"])
        page = show(served, f"/cards/{session['session_id']}")
        assert page.status == 200
        assert verdict["reasons"][0]["detail"].encode() in page.body
