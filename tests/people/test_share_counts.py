"""Counted downloads: exactly so many, whoever asks and however, at several gateways at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from files_service.domain.shares import GRANT_MS
from files_service.errors import Gone
from files_service.services.shares.gate import Visit, open_share
from files_service.services.shares.grants import make_grant, refund_grant, use_grant
from tests.cores import at, at_once, meanwhile
from tests.gateway.serving import Served
from tests.people.links import CONTENT, PASSWORD, Visitor, share, stored
from tests.people.persons import Person, register
from tests.people.test_sessions import two_gateways

DOWNLOADS, VISITORS = 3, 50


@pytest.fixture
def ann(served: Served) -> Person:
    """An owner who is signed in."""
    return register(served)


def used(ann: Person, share_id: str) -> int:
    count: int = ann.get(f"/api/shares/{share_id}").json["used"]
    return count


def test_exactly_as_many_downloads_as_allowed_at_two_gateways(tmp_path: Path) -> None:
    with two_gateways(tmp_path) as gateways:
        ann = register(gateways[0])
        file_id = stored(ann)
        made = share(ann, file_id, max_downloads=DOWNLOADS)
        visitors = [Visitor(gateways[index % 2], made["url"]) for index in range(VISITORS)]
        replies = at_once(VISITORS, lambda index: visitors[index].download(file_id))
        assert sorted(reply.status for reply in replies) == [200] * DOWNLOADS + [410] * (VISITORS - DOWNLOADS)
        assert [reply.body for reply in replies if reply.status == 200] == [CONTENT] * DOWNLOADS
        assert used(ann, made["share_id"]) == DOWNLOADS
        # Those who have a download may go on with it, at either gateway.
        for visitor, reply in zip(visitors, replies, strict=True):
            there = Visitor(gateways[1], made["url"], visitor.cookies)
            assert there.bytes_of(file_id).status == (200 if reply.status == 200 else 410)
        assert used(ann, made["share_id"]) == DOWNLOADS


def test_all_requests_of_a_grant_are_one_download(served: Served, ann: Person) -> None:
    first, second = stored(ann, "a.txt", b"0123456789"), stored(ann, "b.txt", b"abc")
    made = share(ann, first, second, max_downloads=1)
    visitor = Visitor(served, made["url"])
    cookie = visitor.begin(first).headers["Set-Cookie"]
    assert all(text in cookie for text in (f"Path={visitor.path};", "HttpOnly", "SameSite=Lax"))
    assert visitor.bytes_of(first, Range="bytes=0-").body == b"0123456789"
    assert visitor.bytes_of(first, Range="bytes=5-").body == b"56789"
    tag = visitor.bytes_of(first).headers["ETag"]
    assert visitor.bytes_of(first, **{"If-None-Match": tag}).status == 304
    assert visitor.request("HEAD", f"/files/{first}").status == 200
    assert visitor.download(first).status == 200
    assert visitor.download(second).body == b"abc"
    assert visitor.get().status == 200
    assert used(ann, made["share_id"]) == 1
    assert Visitor(served, made["url"]).get().status == 410


def test_a_copied_address_opens_for_nobody_else(served: Served, ann: Person) -> None:
    file_id = stored(ann)
    made, other = (share(ann, file_id, max_downloads=5) for _ in range(2))
    visitor = Visitor(served, made["url"])
    assert visitor.download(file_id).status == 200
    copied = Visitor(served, made["url"])
    for reply in (
        copied.bytes_of(file_id),
        copied.bytes_of(file_id, Range="bytes=0-1"),
        copied.get(f"/files/{file_id}?inline=1"),
        copied.request("HEAD", f"/files/{file_id}"),
        Visitor(served, other["url"], visitor.cookies).bytes_of(file_id),
    ):
        assert reply.status == 403
        assert CONTENT not in reply.body
    assert [used(ann, each["share_id"]) for each in (made, other)] == [1, 0]


def test_pages_heads_previews_and_the_owner_are_not_counted(served: Served, ann: Person) -> None:
    file_id = stored(ann, "a.png", b"\x89PNG\r\n\x1a\n", content_type="image/png")
    made = share(ann, file_id)
    bot = Visitor(served, made["url"])
    assert [bot.get().status, bot.json().status, bot.request("HEAD").status] == [200] * 3
    assert bot.request("HEAD", f"/files/{file_id}").status == 200
    tag = bot.get(f"/files/{file_id}?inline=1").headers["ETag"]
    assert bot.bytes_of(file_id, **{"If-None-Match": tag}).status == 304
    owner = Visitor(served, made["url"], {"files_session": ann.token})
    assert owner.bytes_of(file_id).status == 200
    # A browser names no site for a form of a page without referrer; the owner's page has a link instead.
    assert b"<form" not in owner.get().body
    assert used(ann, made["share_id"]) == 0
    # Each direct download counts once, when it begins.
    assert bot.bytes_of(file_id).status == 200
    assert bot.bytes_of(file_id, Range="bytes=0-").status == 206
    assert bot.bytes_of(file_id, Range="bytes=4-").status == 206
    assert used(ann, made["share_id"]) == 2


def test_the_owner_downloads_from_a_link_that_is_used_up(served: Served, ann: Person) -> None:
    file_id = stored(ann)
    made = share(ann, file_id, max_downloads=1)
    assert Visitor(served, made["url"]).download(file_id).status == 200
    assert Visitor(served, made["url"], {"files_session": ann.token}).bytes_of(file_id).status == 200
    assert ann.call("shares.update", share_id=made["share_id"], changes={"max_downloads": 2}).status == 200
    assert Visitor(served, made["url"]).download(file_id).status == 200
    assert Visitor(served, made["url"]).begin(file_id).status == 410


def test_a_grant_lasts_a_day_and_is_no_password(served: Served, ann: Person) -> None:
    file_id = stored(ann)
    made = share(ann, file_id, max_downloads=1, password=PASSWORD)
    visitor = Visitor(served, made["url"])
    assert visitor.begin(file_id).status == 401
    visitor.unlock()
    assert visitor.download(file_id).status == 200
    grant = visitor.cookies["files_grant"]
    assert Visitor(served, made["url"], {"files_grant": grant}).bytes_of(file_id).status == 401
    visit = Visit(unlocked=visitor.cookies["files_share"], grant=grant)
    assert open_share(served.core, made["key"], visit).granted
    late = at(served.core, served.core.clock() + GRANT_MS + 1)
    with pytest.raises(Exception, match="used up"):
        open_share(late, made["key"], visit)


def test_a_file_that_the_link_lacks_costs_no_download(served: Served, ann: Person) -> None:
    made = share(ann, stored(ann), max_downloads=1)
    visitor = Visitor(served, made["url"])
    for wanted in (stored(ann, "b.txt"), "01ARZ3NDEKTSV4RRFFQ69G5FAV", "../x", ""):
        assert visitor.begin(wanted).status in (400, 404)
    assert used(ann, made["share_id"]) == 0


def test_who_was_let_in_before_the_last_download_was_taken_gets_none(
    served: Served, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = served.core
    made = share(ann, stored(ann), max_downloads=2)
    opened = open_share(core, made["key"], Visit()).share
    # Another process is faster between the two steps of this one.
    meanwhile(monkeypatch, core.metadata, "get_document", lambda: make_grant(core, opened))
    assert make_grant(core, opened)
    with pytest.raises(Gone):
        make_grant(core, opened)
    assert used(ann, made["share_id"]) == 2


def lose(served: Served, file_id: str) -> None:
    """Lose the bytes of a file."""
    [part] = served.core.metadata.get(file_id).parts
    served.core.blobs.delete(part.key)


def test_a_download_that_fails_before_its_first_byte_is_given_back(served: Served, ann: Person) -> None:
    lost, kept = stored(ann, "lost.txt", b"lost"), stored(ann, "kept.txt", b"kept")
    made = share(ann, lost, kept, max_downloads=1)
    visitor = Visitor(served, made["url"])
    lose(served, lost)
    assert visitor.begin(lost).status == 303
    assert (used(ann, made["share_id"]), Visitor(served, made["url"]).begin(kept).status) == (1, 410)
    # A look at the headers, and a range that is not there, are no failures of the service.
    assert visitor.bytes_of(lost, Range="bytes=99-").status == 416
    assert used(ann, made["share_id"]) == 1
    assert visitor.bytes_of(lost).status == 500
    assert used(ann, made["share_id"]) == 0
    # The grant went with it: nobody has two.
    assert visitor.bytes_of(kept).status == 403
    assert visitor.download(kept).body == b"kept"
    # One byte was enough: the failure of another file gives nothing back.
    assert visitor.bytes_of(lost).status == 500
    assert visitor.bytes_of(kept).body == b"kept"
    assert used(ann, made["share_id"]) == 1


def test_no_byte_goes_out_under_a_grant_that_was_given_back_meanwhile(served: Served, ann: Person) -> None:
    made = share(ann, stored(ann, "kept.txt", b"kept"), max_downloads=1)
    core, key = served.core, made["url"].rpartition("/")[2]
    limited = open_share(core, key, Visit()).share
    secret = make_grant(core, limited)
    assert open_share(core, key, Visit(grant=secret)).granted
    refund_grant(core, limited, secret)
    with pytest.raises(Gone):
        use_grant(core, limited, secret)
    assert used(ann, made["share_id"]) == 0


def test_a_direct_download_that_fails_is_not_counted(served: Served, ann: Person) -> None:
    lost, empty = stored(ann, "lost.txt", b"lost"), stored(ann, "empty.txt", b"")
    made = share(ann, lost, empty)
    lose(served, lost)
    visitor = Visitor(served, made["url"])
    assert (visitor.bytes_of(lost).status, used(ann, made["share_id"])) == (500, 0)
    assert (visitor.bytes_of(empty).status, used(ann, made["share_id"])) == (200, 1)
