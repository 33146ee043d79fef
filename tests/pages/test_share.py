"""``/download/{file_id}`` and the look of what a page answers, without a browser."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest
from markupsafe import escape

from tests.cores import call, pending_file, processed_file
from tests.gateway.serving import Reply, Served
from tests.pages.pictures import png
from tests.pages.visits import cookie

PICTURE = png(8, 8)


def picture(served: Served, **params: Any) -> str:
    params.setdefault("parts", [{"size": len(PICTURE), "content_type": "image/png"}])
    file_id: str = processed_file(served.core, PICTURE, name="a.png", **params)["file_id"]
    return file_id


def show(served: Served, file_id: str, query: str = "", **headers: str) -> Reply:
    return served.request("GET", f"/download/{file_id}{query}", headers=headers)


@pytest.mark.parametrize(
    ("access", "stranger", "other"),
    [("private", 404, 403), ("shared", 404, 403), ("unlisted", 200, 200), ("public", 200, 200)],
)
def test_access_decides_who_sees_page_and_bytes(gateway: Served, access: str, stranger: int, other: int) -> None:
    file_id = picture(gateway, access=access)
    for query in ("", "?raw=1", "?raw=1&inline=1"):
        assert show(gateway, file_id, query).status == stranger
        assert show(gateway, file_id, query, **cookie("bob")).status == other
        assert show(gateway, file_id, query, **cookie()).status == 200


def test_access_taken_back_is_refused_at_once(gateway: Served) -> None:
    file_id = picture(gateway, access="public")
    first = show(gateway, file_id, "?raw=1")
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert show(gateway, file_id, "?raw=1", **{"If-None-Match": first.headers["ETag"]}).status == 304
    call(gateway.core, "files.access", file_ids=[file_id], access="private")
    assert show(gateway, file_id, "?raw=1", **{"If-None-Match": first.headers["ETag"]}).status == 404


@pytest.mark.parametrize("file_id", ["x", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "%3Cscript%3E", "a" * 300, "%00"])
def test_what_is_not_there_is_a_page_with_404(gateway: Served, file_id: str) -> None:
    reply = show(gateway, file_id)
    assert (reply.status, reply.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert b"There is no such file" in reply.body
    assert b"<script" not in reply.body


def test_a_removed_file_is_not_there(gateway: Served) -> None:
    file_id = picture(gateway, access="public")
    call(gateway.core, "files.remove", file_id=file_id)
    assert show(gateway, file_id).status in (404, 410)
    assert b"There is no such file" in show(gateway, file_id).body


def test_the_bytes_come_whole_or_in_ranges_as_an_attachment(gateway: Served) -> None:
    file_id = picture(gateway, access="unlisted")
    reply = show(gateway, file_id, "?raw=1")
    assert (reply.body, reply.headers["Content-Type"]) == (PICTURE, "image/png")
    assert reply.headers["Content-Disposition"] == 'attachment; filename="a.png"'
    assert show(gateway, file_id, "?raw=1", Range="bytes=1-3").body == b"PNG"
    assert show(gateway, file_id, "?raw=1", Range="bytes=999999-").status == 416
    assert show(gateway, file_id, "?raw=2").status == 400


@pytest.mark.parametrize(
    ("content_type", "disposition"),
    [
        ("image/png", "inline"),
        ("video/mp4", "inline"),
        ("audio/mpeg", "inline"),
        ("image/svg+xml", "attachment"),
        ("text/html", "attachment"),
        ("application/pdf", "attachment"),
        ("application/xhtml+xml", "attachment"),
    ],
)
def test_only_what_runs_nothing_is_shown_and_nothing_of_it_runs(
    gateway: Served, content_type: str, disposition: str
) -> None:
    content = b"<script>alert(1)</script>"
    parts = [{"size": len(content), "content_type": content_type}]
    record = processed_file(gateway.core, content, name="a", parts=parts, access="public")
    headers = show(gateway, record["file_id"], "?raw=1&inline=1").headers
    served_type = headers["Content-Type"]
    assert headers["Content-Disposition"].startswith(disposition if served_type == content_type else "attachment")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


@pytest.mark.parametrize("path", ["/", "/docs", "/download/x", "/sign-in"])
def test_pages_run_no_script_but_ours_and_are_framed_by_nobody(gateway: Served, path: str) -> None:
    headers = gateway.request("GET", path, headers=cookie()).headers
    policy = dict(each.strip().split(" ", 1) for each in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["style-src"] == policy["connect-src"] == "'self'"
    # What people send has addresses of this site, too: no script is run because of where it is.
    assert re.fullmatch("'nonce-[A-Za-z0-9_-]{22}'", policy["script-src"])
    again = gateway.request("GET", path, headers=cookie()).headers["Content-Security-Policy"]
    assert policy["script-src"] not in again
    assert policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>.png", '"><script>alert(1)</script>', "'{{7*7}}'"])
def test_a_name_is_text_wherever_it_stands(gateway: Served, name: str) -> None:
    record = processed_file(gateway.core, b"x", owner="eve", name=name, meta={"description": name})
    for page in (show(gateway, record["file_id"], **cookie("eve")), gateway.request("GET", "/", headers=cookie("eve"))):
        text = page.body.decode()
        assert "<img src=x" not in text
        assert "<script>" not in text
        assert str(escape(name)) in text


def test_a_name_cannot_turn_its_direction(gateway: Served) -> None:
    record = processed_file(gateway.core, b"x", owner="eve", name="invoice\u202egpj.exe", access="public")
    text = show(gateway, record["file_id"]).body.decode()
    assert "\u202e" not in text
    assert "invoice\N{REPLACEMENT CHARACTER}gpj.exe" in text


def test_a_file_with_parts_offers_each_of_them(gateway: Served) -> None:
    parts = [{"size": 1}, {"size": 2}]
    record = processed_file(gateway.core, b"a", b"bb", name="two.bin", parts=parts, access="public")
    assert b"2 parts" in show(gateway, record["file_id"]).body
    last = record["parts"][1]["part_id"]
    assert show(gateway, record["file_id"], f"?raw=1&part={last}").body == b"bb"
    assert show(gateway, record["file_id"], "?raw=1&part=nope").status == 404


def test_a_file_that_has_not_arrived_says_so(gateway: Served) -> None:
    record = pending_file(gateway.core, b"abc", access="public")
    assert b"Not all of this file has arrived" in show(gateway, record["file_id"]).body
    assert show(gateway, record["file_id"], "?raw=1").status == 412


@pytest.mark.parametrize("name", ["nope.js", "..%2fpages.py", "__init__.py", "%2e%2e"])
def test_there_is_nothing_static_but_what_is_ours(gateway: Served, name: str) -> None:
    assert gateway.request("GET", f"/static/{name}").status == 404


def test_scripts_are_asked_for_again_but_not_sent_again(gateway: Served) -> None:
    reply = gateway.request("GET", "/static/app.js")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    again = gateway.request("GET", "/static/app.js", headers={"If-None-Match": reply.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


def test_scripts_are_sent_packed_to_whoever_unpacks_them(gateway: Served) -> None:
    plain = gateway.request("GET", "/static/app.js")
    packed = gateway.request("GET", "/static/app.js", headers={"Accept-Encoding": "gzip, deflate, br"})
    assert (plain.headers["Content-Encoding"], packed.headers["Content-Encoding"]) == (None, "gzip")
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert packed.headers["ETag"] != plain.headers["ETag"]
    tag = {"If-None-Match": packed.headers["ETag"]}
    assert gateway.request("GET", "/static/app.js", headers={**tag, "Accept-Encoding": "gzip"}).status == 304
