"""The cookie: what it opens, for whom, and what it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest

from files_service.gateway.auth.bearer import make_token
from files_service.gateway.auth.sessions import VIEWER
from files_service.gateway.auth.sign_in_links import make_code
from tests.cores import SECRETS, at_once, processed_file, sqlite_core
from tests.gateway.serving import Reply, Served, serving
from tests.gateway.slices import Talk, talking
from tests.pages.visits import cookie, sign_in_path

SECRET = SECRETS["FILES_JWT_SECRET"]


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def own(served: Served) -> dict[str, str]:
    return {"Origin": f"http://127.0.0.1:{served.port}"}


def use(served: Served, code: str, headers: dict[str, str] | None = None, **more: str) -> Reply:
    """Send the form of a sign-in link."""
    body = urlencode({"link": code, **more}).encode()
    return served.request("POST", "/sign-in", body, {**FORM, **own(served), **(headers or {})})


def code_for(owner: str) -> str:
    """The code of a new link."""
    return sign_in_path(owner).partition("#")[2]


def test_a_sign_in_link_gives_a_cookie_that_no_script_and_no_other_site_can_use(gateway: Served) -> None:
    reply = use(gateway, code_for("ann"))
    [morsel] = SimpleCookie(reply.headers["Set-Cookie"]).values()
    assert (reply.status, reply.headers["Location"]) == (303, "/")
    assert (morsel.key, morsel["httponly"], morsel["samesite"], morsel["path"]) == (
        "files_session",
        True,
        "Strict",
        "/",
    )
    assert not morsel["secure"]
    assert 3_500 < int(morsel["max-age"]) <= 3_600
    page = gateway.request("GET", "/", headers={"Cookie": f"{morsel.key}={morsel.value}"}).body.decode()
    assert "Signed in as <strong><bdi>ann</bdi></strong>" in page


def test_the_cookie_is_for_https_alone_and_for_its_path_where_the_public_address_says_so(tmp_path: Any) -> None:
    with serving(sqlite_core(tmp_path, public_url="https://files.example/service/")) as served:
        reply = use(served, code_for("ann"), {"Origin": "https://files.example"})
        [morsel] = SimpleCookie(reply.headers["Set-Cookie"]).values()
        assert (morsel["secure"], morsel["path"]) == (True, "/service")
        assert reply.headers["Location"] == "/service/"
        kept = cookie()
        assert 'href="/service/static/style.css"' in served.request("GET", "/", headers=kept).body.decode()
        assert served.request("POST", "/sign-out", headers=kept).headers["Location"] == "/service/"
        for origin, status in (
            ("https://files.example", 400),
            ("http://files.example", 401),
            ("https://x.example", 401),
        ):
            assert served.request("DELETE", "/api/files/x", headers={**kept, "Origin": origin}).status == status


@pytest.mark.parametrize(
    "code",
    ["x", "<script>", "\xff", make_code("ann", SECRET, -5), make_code("a", "b" * 32, 9), make_token("ann", SECRET, 60)],
)
def test_a_link_that_does_not_hold_says_so_and_gives_no_cookie(gateway: Served, code: str) -> None:
    reply = use(gateway, code)
    assert reply.status == 401
    assert "Set-Cookie" not in reply.headers
    assert b"Not signed in" in reply.body
    assert b"<script>" not in reply.body


def test_the_name_of_an_owner_is_escaped(gateway: Served) -> None:
    owner = '<b>me & "you"</b>'
    page = (
        use(gateway, code_for(owner), cookie()).body.decode()
        + gateway.request("GET", "/", headers=cookie(owner)).body.decode()
    )
    assert "&lt;b&gt;me &amp; &#34;you&#34;&lt;/b&gt;" in page
    assert "<b>" not in page


@pytest.mark.parametrize("bad", ["files_session=x", "files_session=", f"files_session={make_token('ann', SECRET, -5)}"])
def test_a_cookie_that_does_not_hold_is_as_none(gateway: Served, bad: str) -> None:
    assert b"sign-in link" in gateway.request("GET", "/", headers={"Cookie": bad}).body
    assert gateway.request("GET", "/api/files", headers={"Cookie": bad}).status == 401


@pytest.mark.parametrize("foreign", ["name=caf\xe9", 'q="\xe9\\351"', "\xe9=1", "=", ";;", "a=b; \xff"])
def test_cookies_of_other_programs_may_have_any_bytes(gateway: Served, foreign: str) -> None:
    own_cookie = cookie("ann")["Cookie"]
    for said in (f"{foreign}; {own_cookie}", f"{own_cookie}; {foreign}"):
        assert gateway.request("GET", "/api/files", headers={"Cookie": said}).status == 200
    for alone in (foreign, "files_session=\xe9", 'files_session="\xe9'):
        assert gateway.request("GET", "/api/files", headers={"Cookie": alone}).status == 401
        assert gateway.request("GET", "/", headers={"Cookie": alone}).status == 200


def test_the_page_of_somebody_else_does_nothing_by_a_cookie(gateway: Served) -> None:
    for owner, viewer, status in (
        ("ann", "ann", 200),
        ("bob", "ann", 401),
        ("\xe9 %", "%C3%A9%20%25", 200),
        ("ann", "%", 401),
    ):
        assert gateway.request("GET", "/api/files", headers={**cookie(owner), VIEWER: viewer}).status == status


def test_a_cookie_reads_what_its_owner_may_read(gateway: Served) -> None:
    mine = processed_file(gateway.core, b"mine")
    theirs = processed_file(gateway.core, b"theirs", owner="bob")
    reply = gateway.request("GET", "/api/files", headers=cookie())
    assert mine["file_id"] in [each["file_id"] for each in reply.json["files"]]
    assert reply.headers["Vary"] == "Cookie"
    assert gateway.request("GET", f"/api/files/{theirs['file_id']}", headers=cookie()).status == 403
    assert gateway.request("GET", f"/download/{theirs['file_id']}", headers=cookie()).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://[", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/api/files/{file_id}"),
        ("PUT", "/api/files/{file_id}/access"),
        ("POST", "/api/files/upload?name=a"),
        ("POST", "/tus/"),
    ],
)
def test_what_changes_something_must_come_from_a_page_of_ours(
    gateway: Served, method: str, path: str, headers: dict[str, str]
) -> None:
    file_id = processed_file(gateway.core, b"mine")["file_id"]
    extra = {"Content-Type": "application/json", "Tus-Resumable": "1.0.0"}
    body = b"{}" if method in ("PUT", "POST") else None
    reply = gateway.request(method, path.format(file_id=file_id), body, {**cookie(), **extra, **headers})
    assert (reply.status, reply.code) == (401, "unauthorized")


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, {"Origin": "http://x"}]
)
def test_a_page_of_another_site_reads_nothing_by_the_cookie(gateway: Served, headers: dict[str, str]) -> None:
    assert gateway.request("GET", "/api/files", headers={**cookie(), **headers}).status == 401


def test_a_page_of_ours_may_change_what_is_its_owners(gateway: Served) -> None:
    file_id = processed_file(gateway.core, b"mine")["file_id"]
    assert gateway.request("DELETE", f"/api/files/{file_id}", headers={**cookie("bob"), **own(gateway)}).status == 403
    assert gateway.request("DELETE", f"/api/files/{file_id}", headers={**cookie(), **own(gateway)}).status == 200


def test_a_websocket_is_opened_by_the_cookie_from_a_page_of_ours_alone(gateway: Served) -> None:
    async def begin(talk: Talk) -> Any:
        return await talk.ask(op="start", name="a", size=3)

    for origin, op in ((own(gateway)["Origin"], "manifest"), ("https://evil.example", "error"), (None, "error")):
        headers = cookie() | ({"Origin": origin} if origin else {})
        assert in_a_thread(gateway.port, begin, headers)["op"] == op


def in_a_thread(port: int, scene: Callable[[Talk], Awaitable[Any]], headers: dict[str, str]) -> Any:
    """Play a scene: in this thread the browser may have an event loop of its own."""

    async def play() -> Any:
        async with talking(port, None, headers) as talk:
            return await scene(talk)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(play())).result(60)


def test_methods_know_no_cookie(gateway: Served) -> None:
    headers = {**cookie(), **own(gateway), "Content-Type": "application/json"}
    assert gateway.request("POST", "/rpc/files.count", b"{}", headers).status == 401


def test_a_header_counts_more_than_the_cookie(gateway: Served) -> None:
    headers = {**cookie(), "Authorization": "Bearer nonsense"}
    assert gateway.request("GET", "/api/files", headers=headers).status == 401


def test_signing_out_takes_the_cookie_but_not_at_the_request_of_another_site(gateway: Served) -> None:
    reply = gateway.request("POST", "/sign-out", headers={**cookie(), **own(gateway)})
    assert (reply.status, reply.headers["Location"]) == (303, "/")
    assert "Max-Age=0" in reply.headers["Set-Cookie"]
    reply = gateway.request("POST", "/sign-out", headers={**cookie(), "Origin": "https://evil.example"})
    assert "Set-Cookie" not in reply.headers


def test_a_link_of_somebody_else_asks_before_it_replaces_a_session(gateway: Served) -> None:
    code, ann = code_for("eve"), cookie("ann")
    asked = use(gateway, code, ann)
    assert (asked.status, asked.headers["Set-Cookie"]) == (200, None)
    assert b'name="replace"' in asked.body
    foreign = use(gateway, code, {**ann, "Origin": "https://evil.example"}, replace="1")
    assert (foreign.status, foreign.headers["Set-Cookie"]) == (403, None)
    switched = use(gateway, code, ann, replace="1")
    assert switched.status == 303
    assert "files_session=" in (switched.headers["Set-Cookie"] or "")
    assert use(gateway, code_for("ann"), ann).headers["Set-Cookie"]


def test_a_link_signs_in_once_whoever_is_faster_and_opening_it_uses_nothing_up(gateway: Served) -> None:
    code = code_for("ann")
    for method in ("GET", "HEAD"):
        for path in ("/sign-in", f"/sign-in?link={code}", f"/sign-in?token={make_token('ann', SECRET, 60)}"):
            reply = gateway.request(method, path)
            assert (reply.status, reply.headers["Set-Cookie"]) == (200, None)
    answers = at_once(4, lambda _: use(gateway, code).status)
    assert sorted(answers) == [303, 401, 401, 401]


def test_a_code_is_no_token(gateway: Served) -> None:
    bearer = {"Authorization": f"Bearer {code_for('ann')}"}
    assert gateway.request("GET", "/api/files", headers=bearer).status == 401
    assert gateway.request("GET", "/api/files", headers={"Cookie": f"files_session={code_for('ann')}"}).status == 401
