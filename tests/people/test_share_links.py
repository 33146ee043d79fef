"""Links of files: made, opened with and without a password, and closed to everything but their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from files_service.domain.shares import UNLOCK_MS
from files_service.services.shares.gate import Visit, open_share
from tests.cores import at, call, processed_file, refusal
from tests.gateway.serving import Reply, Served, serving
from tests.people.links import CONTENT, PASSWORD, Visitor, share, stored
from tests.people.persons import Person, open_people, register

SECRETS = ("$argon2", "password_hash", "epoch", "/files/", "token", "bucket")
PARTS = (b"\x89PNG\r\n\x1a\n" + bytes(20), b"the raw bytes", b"\xff\xd8\xff of the camera")


@pytest.fixture
def ann(served: Served) -> Person:
    """An owner who is signed in."""
    return register(served)


def test_a_link_opens_a_private_file_for_everybody_who_has_it(served: Served, ann: Person) -> None:
    file_id = stored(ann, "trip.txt", b"the bytes")
    made = share(ann, file_id, title="Our trip", message="Look at it!")
    assert ann.get(f"/api/files/{file_id}").json["access"] == "shared"
    visitor = Visitor(served, made["url"])
    page = visitor.get()
    assert page.status == 200
    assert all(text in page.body for text in (b"Our trip", b"Look at it!", b"trip.txt"))
    shown = visitor.json().json
    assert (shown["title"], [each["name"] for each in shown["files"]]) == ("Our trip", ["trip.txt"])
    assert visitor.download(file_id).body == b"the bytes"
    # As curl does.
    assert Visitor(served, made["url"]).bytes_of(file_id).body == b"the bytes"
    assert served.request("GET", f"/api/files/{file_id}").status == 401


def test_nothing_of_a_share_may_be_indexed_stored_or_told_to_other_sites(served: Served, ann: Person) -> None:
    file_id = stored(ann)
    visitor = Visitor(served, share(ann, file_id)["url"])
    for reply in (visitor.get(), visitor.json(), visitor.bytes_of(file_id), Visitor(served, "/s/nothing").get()):
        assert "noindex" in reply.headers["X-Robots-Tag"]
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in reply.headers["Cache-Control"]
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]


def test_titles_and_names_are_inert(served: Served, ann: Person) -> None:
    file_id = stored(ann, "a.svg", b"<svg onload=alert(1)>")
    page = Visitor(served, share(ann, file_id, title="<script>", message="<img src=x>")["url"]).get()
    assert b"<script>" not in page.body
    assert b"<img src=x>" not in page.body


def test_before_the_password_a_share_tells_nothing(served: Served, ann: Person) -> None:
    file_id = stored(ann, "plans.txt")
    made = share(ann, file_id, title="Secret plans", message="For you", password=PASSWORD)
    stranger = Visitor(served, made["url"])
    replies = [
        stranger.get(),
        stranger.json(),
        stranger.bytes_of(file_id),
        stranger.get(f"/files/{file_id}?inline=1"),
        stranger.begin(file_id),
        stranger.request("HEAD", f"/files/{file_id}"),
        stranger.request("HEAD"),
        stranger.bytes_of("01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ]
    assert {reply.status for reply in replies} == {401}
    for reply in replies:
        assert b"plans" not in reply.body
        assert b"For you" not in reply.body
    assert stranger.unlock("not the one").status == 401
    assert b"The password is wrong." in stranger.unlock("not the one").body
    opened = stranger.unlock(file_id=file_id)
    assert (opened.status, opened.headers["Location"]) == (303, f"{stranger.path}/files/{file_id}")
    assert stranger.get().status == 200
    assert stranger.bytes_of(file_id).body == CONTENT


def test_an_unlock_is_of_one_share_one_password_and_twelve_hours(served: Served, ann: Person) -> None:
    file_id = stored(ann)
    made, other = (share(ann, file_id, password=PASSWORD) for _ in range(2))
    visitor = Visitor(served, made["url"])
    cookie = visitor.unlock().headers["Set-Cookie"]
    assert f"Path={visitor.path};" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert visitor.get().status == 200
    assert Visitor(served, other["url"], dict(visitor.cookies)).get().status == 401
    late = at(served.core, served.core.clock() + UNLOCK_MS + 1)
    visit = Visit(unlocked=visitor.cookies["files_share"])
    assert open_share(served.core, made["key"], visit).share.share_id == made["share_id"]
    with pytest.raises(Exception, match="needs its password"):
        open_share(late, made["key"], visit)
    changed = {"password": "another password"}
    assert ann.call("shares.update", share_id=made["share_id"], changes=changed).status == 200
    assert visitor.get().status == 401
    assert visitor.unlock().status == 401
    assert visitor.unlock("another password").status == 303
    assert visitor.get().status == 200
    assert ann.call("shares.update", share_id=made["share_id"], changes={"password": None}).status == 200
    assert Visitor(served, made["url"]).get().status == 200


def test_cookies_are_secure_and_below_the_public_path(tmp_path: Path) -> None:
    with serving(open_people(tmp_path, public_url="https://files.example.org/base")) as served:
        ann = register(served)
        made = share(ann, stored(ann), password=PASSWORD)
        assert made["url"] == f"https://files.example.org/base/s/{made['key']}"
        visitor = Visitor(served, f"/s/{made['key']}")
        reply = visitor.unlock()
        assert reply.headers["Location"] == f"/base/s/{made['key']}"
        assert f"Path=/base/s/{made['key']};" in reply.headers["Set-Cookie"]
        assert "Secure" in reply.headers["Set-Cookie"]


def test_guesses_are_slowed_down_by_share(served: Served, ann: Person) -> None:
    made = share(ann, stored(ann), password=PASSWORD)
    visitor = Visitor(served, made["url"])
    assert [visitor.unlock(f"guess number {count}").status for count in range(7)] == [401] * 6 + [429]
    refused = visitor.unlock()
    assert (refused.status, b"too many attempts" in refused.body.lower()) == (429, True)
    assert int(refused.headers["Retry-After"]) >= 1
    # A sign-in is not slowed down by that, and a link that opens for others is no way to count.
    assert register(served, "bob").is_signed_in


def test_guesses_at_many_links_are_slowed_down_by_address(served: Served, ann: Person) -> None:
    file_id = stored(ann)
    links = [share(ann, file_id, password=PASSWORD)["url"] for _ in range(7)]
    assert [Visitor(served, link).unlock("not the one").status for link in links] == [401] * 6 + [429]


def test_no_proof_of_a_visitor_is_in_an_address(served: Served, ann: Person) -> None:
    file_id = stored(ann)
    visitor = Visitor(served, share(ann, file_id, password=PASSWORD, max_downloads=1)["url"])
    replies = [visitor.unlock(), visitor.begin(file_id), visitor.get(), visitor.json(), visitor.bytes_of(file_id)]
    assert [reply.status for reply in replies] == [303, 303, 200, 200, 200]
    assert set(visitor.cookies) == {"files_share", "files_grant"}
    for reply in replies:
        told = reply.body.decode() + reply.headers.get("Location", "")
        assert [proof for proof in visitor.cookies.values() if proof in told] == []


def test_what_is_told_of_a_share_has_no_hash_no_token_and_no_address_of_bytes(served: Served, ann: Person) -> None:
    file_id = stored(ann)
    made = share(ann, file_id, password=PASSWORD)
    visitor = Visitor(served, made["url"])
    visitor.unlock()
    listed = ann.get("/api/shares")
    answers = [
        visitor.json().body.decode(),
        listed.body.decode(),
        ann.get(f"/api/shares/{made['share_id']}").body.decode(),
    ]
    for answer in answers:
        assert [secret for secret in SECRETS if secret in answer] == []
        assert all(cookie not in answer for cookie in visitor.cookies.values())
    assert (made["has_password"], made["state"]) == (True, "active")


def test_a_link_reaches_no_other_file_of_its_owner(served: Served, ann: Person) -> None:
    file_id, other = stored(ann, "a.txt"), stored(ann, "b.txt", b"not this", access="shared")
    visitor = Visitor(served, share(ann, file_id)["url"])
    assert visitor.bytes_of(other).status == 404
    assert visitor.begin(other).status == 404
    assert visitor.get(f"/files/../{other}").status == 404
    assert visitor.get(f"/files/{file_id}?part=p9").status == 404


def test_only_an_owner_shares_the_own_files(served: Served, ann: Person) -> None:
    bob = register(served, "bob")
    file_id = stored(bob, access="public")
    refused = ann.post("/api/shares", items=[file_id])
    missing = ann.post("/api/shares", items=["01ARZ3NDEKTSV4RRFFQ69G5FAV"])
    assert (refused.status, missing.status) == (404, 404)
    assert refused.error["message"] == missing.error["message"]
    assert ann.post("/api/shares", items=[stored(ann)], owner="bob").status == 403
    made = share(bob, file_id)
    path = f"/api/shares/{made['share_id']}"
    assert [ann.get(path).status, ann.delete(path).status] == [404, 404]
    assert refusal(served.core, "shares.update", share_id=made["share_id"], changes={}, actor="ann").code == "not_found"
    assert served.request("GET", path).status == 401


def test_a_disposable_link_shows_without_giving(served: Served, ann: Person) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(20)
    file_id = stored(ann, "a.png", picture, content_type="image/png")
    text = stored(ann, "a.txt")
    visitor = Visitor(served, share(ann, file_id, text, allow_download=False)["url"])
    page = visitor.get().body
    assert b"?inline=1" in page
    assert b"/download" not in page
    assert visitor.get(f"/files/{file_id}?inline=1").body == picture
    assert [visitor.bytes_of(file_id).status, visitor.begin(file_id).status] == [403, 403]
    assert visitor.get(f"/files/{text}?inline=1").status == 403


def test_a_link_that_only_shows_keeps_parts_that_a_page_does_not_show(served: Served, ann: Person) -> None:
    types = ("image/png", "application/x-raw", "image/jpeg")
    parts = [{"size": len(content), "content_type": each} for content, each in zip(PARTS, types, strict=True)]
    record = processed_file(served.core, *PARTS, owner="ann", name="a.png", parts=parts)
    file_id = record["file_id"]
    shows, gives = share(ann, file_id, allow_download=False), share(ann, file_id)
    visitor = Visitor(served, shows["url"])
    picture, raw, camera = (f"/files/{file_id}?inline=1&part={part['part_id']}" for part in record["parts"])
    for address in (raw, raw.replace("inline=1&", "")):
        reply = visitor.get(address)
        assert (reply.status, PARTS[1] in reply.body) == (403, False)
    assert [visitor.get(address).body for address in (picture, camera)] == [PARTS[0], PARTS[2]]
    # Sent as an attachment, it is a download whatever the address says.
    assert Visitor(served, gives["url"]).get(raw).body == PARTS[1]
    assert Visitor(served, gives["url"]).get(picture).body == PARTS[0]
    assert ann.get(f"/api/shares/{gives['share_id']}").json["used"] == 1
    # The page shows nothing of a file that is no picture by its own type.
    call(served.core, "files.update", file_id=file_id, changes={"content_type": "application/x-raw"})
    assert [visitor.get(address).status for address in (picture, raw, camera)] == [403, 403, 403]


def test_a_form_of_another_site_is_refused(served: Served, ann: Person) -> None:
    file_id = stored(ann)
    visitor = Visitor(served, share(ann, file_id)["url"], headers={"Origin": "https://evil.example.org"})
    assert visitor.begin(file_id).status == 403
    # The pages send no referrer, so browsers send no origin either.
    visitor.headers = {"Origin": "null"}
    assert visitor.begin(file_id).status == 303


def test_a_field_that_a_new_link_does_not_have_is_named(served: Served, ann: Person) -> None:
    refused = ann.post("/api/shares", items=[stored(ann)], changes=["title"])
    assert (refused.status, refused.fields) == (400, ["changes"])


def test_changes_are_made_by_patch_and_the_whole_of_a_wrong_one_is_refused(served: Served, ann: Person) -> None:
    made = share(ann, stored(ann), title="Trip", expires_at=served.core.clock() + 60_000)
    path, headers = f"/api/shares/{made['share_id']}", {**ann.headers, "Content-Type": "application/json"}

    def patch(**changes: Any) -> Reply:
        return served.request("PATCH", path, json.dumps(changes).encode(), headers)

    changed = patch(title="Our trip", message="Hello", label="for Bob", max_downloads=7, allow_download=False)
    assert changed.status == 200
    assert changed.json | {"title": "Trip", "message": "", "label": "", "max_downloads": None} == made | {
        "allow_download": False
    }
    for field, wrong in (
        ("title", "x" * 201),
        ("state", "revoked"),
        ("max_downloads", 0),
        ("expires_at", 1),
        ("items", []),
        ("password", "short"),
        ("used", 0),
        ("owner", "bob"),
    ):
        refused = patch(**{"label": "changed", field: wrong})
        assert refused.status == 400, field
    assert patch(items=["01ARZ3NDEKTSV4RRFFQ69G5FAV"], label="changed").status == 404
    assert patch(starts_at=served.core.clock() + 120_000, label="changed").status == 400
    assert ann.get(path).json == changed.json
    assert served.request("PATCH", path, b"{}", {"Content-Type": "application/json"}).status == 401
