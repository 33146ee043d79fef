"""``GET /blobs/{key}``: who may read, under which name, and what a page of a user's cannot do."""

from __future__ import annotations

import pytest

from files_service.domain.access import STRANGER_URL_SECONDS
from tests.cores import call, processed_file
from tests.gateway.addresses import url_of
from tests.gateway.serving import Reply, Served

CONTENT = b"content"


class TestNames:
    """Whatever a file is called, the header is one line and the name no path."""

    NAMES = (
        "clip.mp4",
        "Übung 1 – Schluß 🎬.mov",
        'a"b\\c;d=e.txt',
        "../../etc/passwd",
        "..\\..\\boot.ini",
        "tab\there.txt",
        "line\nbreak\r\nX-Evil: 1.txt",
        "gpj.\u202eexe",
        "文件.pdf",
        "%00%2e%2e.txt",
        " . ",
        "x" * 255,
    )

    @pytest.mark.parametrize("name", NAMES)
    def test_a_name_comes_back_as_a_file_name(self, served: Served, name: str) -> None:
        reply = served.call("files.upload", owner="ann", name=name, parts=[{"size": 1}])
        if reply.status == 400:
            assert reply.fields == ["name"]
            return
        record = processed_file(served.core, b"x", name=name)
        got = served.request("GET", url_of(served, record, attachment=True))
        assert got.status == 200
        header = got.headers["Content-Disposition"]
        assert header.startswith("attachment; filename=")
        assert header.isascii()
        assert header.isprintable()
        assert "/" not in header.replace("%2F", "")
        assert "X-Evil" not in got.headers


def test_a_file_shown_has_its_name_and_cannot_run_in_our_origin(served: Served) -> None:
    page = b"<script>alert(1)</script>"
    record = call(
        served.core,
        "files.upload",
        owner="ann",
        name="x.html",
        parts=[{"size": len(page), "content_type": "text/html"}],
    )
    served.core.blobs.put(record["parts"][0]["key"], [page], content_type="text/html", now=1)
    call(served.core, "files.finish", file_id=record["file_id"], part_id="p0")
    call(served.core, "files.process", file_id=record["file_id"])
    reply = served.request("GET", url_of(served, record))
    assert reply.headers["Content-Type"] == "text/html"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="x.html"'
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in reply.headers["Content-Security-Policy"].split(";")[0]
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]


class TestWhoMayRead:
    """A signature, or a file that is public now."""

    def refused(self, reply: Reply) -> bool:
        return (reply.status, reply.code, reply.fields) == (403, "forbidden", ["signature"])

    def test_only_a_public_file_is_served_without_a_signature(self, served: Served) -> None:
        record = processed_file(served.core, CONTENT)
        plain = url_of(served, record).partition("?")[0]
        for access, readable in (("private", False), ("shared", False), ("unlisted", False), ("public", True)):
            served.result("files.access", file_ids=[record["file_id"]], access=access)
            reply = served.request("GET", plain)
            assert (reply.status == 200) == readable
            assert readable or self.refused(reply)
        assert reply.headers["Cache-Control"].startswith("public")
        served.result("files.access", file_ids=[record["file_id"]], access="private")
        assert self.refused(served.request("GET", plain))

    def test_a_public_file_has_a_plain_address(self, served: Served) -> None:
        record = processed_file(served.core, CONTENT, access="public")
        url = url_of(served, record)
        assert "?" not in url
        assert served.request("GET", url).body == CONTENT

    def test_a_file_that_does_not_exist_looks_like_one_that_is_private(self, served: Served) -> None:
        private = url_of(served, processed_file(served.core)).partition("?")[0]
        missing = private.replace(private[-5:-3], "ZZ")
        one, other = served.request("GET", private), served.request("GET", missing)
        assert self.refused(one)
        assert one.error == other.error

    def test_a_removed_file_is_gone_also_for_a_signature(self, served: Served) -> None:
        record = processed_file(served.core, CONTENT)
        url = url_of(served, record)
        served.result("files.remove", file_id=record["file_id"])
        reply = served.request("GET", url)
        assert (reply.status, reply.code) == (410, "gone")
        assert self.refused(served.request("GET", url.partition("?")[0]))

    def test_a_wrong_signature_is_refused_even_for_a_public_file(self, served: Served) -> None:
        record = processed_file(served.core, CONTENT, access="public")
        assert self.refused(served.request("GET", url_of(served, record) + "?signature=0"))

    def test_an_altered_name_is_refused(self, served: Served) -> None:
        url = url_of(served, processed_file(served.core, name="good.txt"), attachment=True)
        assert served.request("GET", url).status == 200
        assert self.refused(served.request("GET", url.replace("good.txt", "evil.exe")))

    def test_an_expired_url_is_refused(self, served: Served) -> None:
        key = processed_file(served.core)["parts"][0]["key"]
        now = served.core.clock()
        signed = served.core.blobs.sign("GET", key, expires_at=now - 1)  # type: ignore[attr-defined]
        assert self.refused(served.request("GET", signed.url))

    def test_a_url_for_reading_does_not_write(self, served: Served) -> None:
        url = url_of(served, processed_file(served.core, CONTENT))
        assert self.refused(served.request("PUT", url, CONTENT))

    def test_a_url_for_head_does_not_read(self, served: Served) -> None:
        key = processed_file(served.core)["parts"][0]["key"]
        later = served.core.clock() + 60_000
        signed = served.core.blobs.sign("HEAD", key, expires_at=later)  # type: ignore[attr-defined]
        assert served.request("HEAD", signed.url).status == 200
        assert self.refused(served.request("GET", signed.url))


def test_a_signed_url_ends_with_the_access_that_it_was_made_under(served: Served) -> None:
    record = processed_file(served.core, b"secret", owner="ann", access="shared")
    file_id = record["file_id"]
    call(served.core, "files.update", file_id=file_id, changes={"grantees": ["bob", "eve"]})

    def url_for(actor: str) -> str:
        [url] = call(served.core, "files.download", file_id=file_id, actor=actor)["urls"]
        return "/blobs/" + str(url).partition("/blobs/")[2]

    bobs = url_for("bob")
    call(served.core, "files.update", file_id=file_id, changes={"name": "renamed", "grantees": ["bob", "eve", "jo"]})
    assert served.request("GET", bobs).body == b"secret", "no reader has lost access"
    call(served.core, "files.update", file_id=file_id, changes={"grantees": ["bob", "jo"]})
    refused = served.request("GET", bobs)
    assert (refused.status, refused.fields) == (403, ["signature"])
    bobs = url_for("bob")
    assert served.request("GET", bobs).body == b"secret"
    call(served.core, "files.access", file_ids=[file_id], access="private")
    assert served.request("HEAD", bobs).status == 403
    call(served.core, "files.access", file_ids=[file_id], access="public")
    assert served.request("GET", bobs).status == 403
    assert served.request("GET", url_for("ann")).body == b"secret"
    assert "access_epoch" not in call(served.core, "files.info", file_id=file_id)


def test_urls_for_strangers_are_short(served: Served) -> None:
    file_id = processed_file(served.core, b"x", owner="ann", access="unlisted")["file_id"]
    seconds = {}
    for actor in ("ann", "bob"):
        until = call(served.core, "files.download", file_id=file_id, actor=actor, expires_seconds=10_000)["expires_at"]
        seconds[actor] = (until - served.core.clock()) / 1000
    assert 9_000 < seconds["ann"] <= 10_000
    assert seconds["bob"] <= STRANGER_URL_SECONDS
