"""Browsers: the cookie, requests of other sites, and the pages of people."""

from __future__ import annotations

from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.cores import call
from tests.gateway.serving import Reply, Served, serving
from tests.people.persons import PASSWORD, open_people, post, register

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def own(served: Served) -> dict[str, str]:
    return {"Origin": f"http://127.0.0.1:{served.port}"}


def submit(served: Served, path: str, headers: dict[str, str], **fields: str) -> Reply:
    """Send a form as a browser does."""
    return served.request("POST", path, urlencode(fields).encode(), {**FORM, **headers})


def cookie_of(reply: Reply) -> dict[str, str]:
    [morsel] = SimpleCookie(reply.headers["Set-Cookie"]).values()
    return {"Cookie": f"{morsel.key}={morsel.value}"}


def test_a_browser_gets_the_cookie_and_never_the_token(served: Served) -> None:
    register(served)
    reply = post(served, "/api/auth/login", own(served), name="ann", password=PASSWORD)
    [morsel] = SimpleCookie(reply.headers["Set-Cookie"]).values()
    assert (morsel.key, morsel["httponly"], morsel["samesite"], morsel["path"]) == ("files_session", True, "Lax", "/")
    assert "token" not in reply.json
    assert morsel.value not in reply.body.decode()
    kept = cookie_of(reply)
    assert served.request("GET", "/api/auth/me", headers=kept).json["account"]["owner"] == "ann"
    assert "Signed in as <strong><bdi>ann</bdi></strong>" in served.request("GET", "/", headers=kept).body.decode()
    assert served.request("POST", "/rpc/files.count", b"{}", {**kept, "Content-Type": "application/json"}).status == 401
    out = served.request("POST", "/api/auth/logout", headers={**kept, **own(served)})
    assert out.status == 200
    assert served.request("GET", "/api/auth/me", headers=kept).status == 401


def test_over_https_the_cookie_is_for_the_host_alone(tmp_path: Path) -> None:
    with serving(open_people(tmp_path, public_url="https://files.example")) as served:
        origin = {"Origin": "https://files.example"}
        reply = post(served, "/api/auth/register", origin, name="ann", password=PASSWORD)
        [morsel] = SimpleCookie(reply.headers["Set-Cookie"]).values()
        assert (morsel.key, morsel["secure"], morsel["path"]) == ("__Host-files_session", True, "/")
        assert served.request("GET", "/api/auth/me", headers=cookie_of(reply)).status == 200
        # A sibling host may set the other name; no session counts under it.
        foreign = {"Cookie": f"files_session={morsel.value}"}
        assert served.request("GET", "/api/auth/me", headers=foreign).status == 401


@pytest.mark.parametrize(
    "foreign",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
    ids=["origin", "null", "fetch"],
)
def test_another_site_signs_nobody_in_and_changes_nothing(served: Served, foreign: dict[str, str]) -> None:
    """Login CSRF: a person must not become somebody else unawares."""
    ann = register(served)
    kept = {"Cookie": f"files_session={ann.token}"}
    for path in ("/api/auth/login", "/api/auth/register"):
        reply = post(served, path, foreign, name="ann", password=PASSWORD)
        assert (reply.status, reply.headers["Set-Cookie"]) == (403, None)
    assert submit(served, "/sign-in", foreign, name="ann", password=PASSWORD).status == 403
    assert submit(served, "/join", foreign, name="bob", password=PASSWORD).status == 403
    assert post(served, "/api/auth/password", {**kept, **foreign}, current=PASSWORD, password="a" * 20).status == 403
    for method, path in (("POST", "/api/auth/logout"), ("DELETE", "/api/auth/sessions"), ("POST", "/api/auth/keys")):
        assert served.request(method, path, b"{}", {**kept, **foreign}).status == 401
    assert ann.is_signed_in


def test_a_cookie_without_an_origin_changes_nothing(served: Served) -> None:
    ann = register(served)
    kept = {"Cookie": f"files_session={ann.token}"}
    assert served.request("DELETE", "/api/auth/sessions", headers=kept).status == 401
    assert ann.is_signed_in


def test_people_sign_in_and_out_by_the_page(served: Served) -> None:
    register(served)
    assert b'name="password"' in served.request("GET", "/sign-in").body
    wrong = submit(served, "/sign-in", own(served), name="ann", password="wrong password")
    assert (wrong.status, wrong.headers["Set-Cookie"]) == (401, None)
    assert b'value="ann"' in wrong.body
    assert b"wrong password" not in wrong.body
    reply = submit(served, "/sign-in", own(served), name="Ann", password=PASSWORD)
    assert (reply.status, reply.headers["Location"]) == (303, "/")
    kept = cookie_of(reply)
    assert b"Your files" in served.request("GET", "/", headers=kept).body
    assert served.request("POST", "/sign-out", headers={**kept, **own(served)}).status == 303
    assert b"Your files" not in served.request("GET", "/", headers=kept).body


def test_opening_the_pages_of_codes_uses_nothing_up(served: Served) -> None:
    invite = call(served.core, "accounts.create_invite")["code"]
    for path in ("/join", "/reset", f"/join?code={invite}"):
        for method in ("GET", "HEAD", "GET"):
            assert served.request(method, path).status == 200
    assert submit(served, "/join", own(served), name="ann", password=PASSWORD, code=invite).status == 303
    code = call(served.core, "accounts.reset", owner="ann")["code"]
    assert served.request("GET", "/reset").status == 200
    changed = submit(served, "/reset", own(served), password="another long phrase", code=code)
    assert (changed.status, changed.headers["Location"]) == (303, "/sign-in")
    again = submit(served, "/reset", own(served), password="yet another phrase", code=code)
    assert again.status == 401


def test_without_accounts_the_pages_are_those_of_before(tmp_path: Path) -> None:
    with serving(open_people(tmp_path, registration="closed")) as served:
        page = served.request("GET", "/sign-in").body
        assert (b'name="link"' in page, b'name="password"' in page) == (True, False)
        assert b"open your sign-in link" in served.request("GET", "/").body
