"""Links by which visitors bring files: drops, which show nothing, and collections, which show and take."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.cores import at_once, call, refusal
from tests.gateway.serving import Reply, Served, head_of, serving, wait_until
from tests.people.links import JSON, Visitor, share, stored
from tests.people.persons import Person, open_people, register
from tests.people.test_sessions import drained, two_gateways

EDGE = "----edge"
FORM_TYPE = {"Content-Type": f"multipart/form-data; boundary={EDGE}"}


@pytest.fixture
def ann(served: Served) -> Person:
    """An owner who is signed in."""
    return register(served)


def form(*files: tuple[str, bytes], sender: str | None = None) -> bytes:
    """The body that a browser sends."""
    fields = [] if sender is None else [(b'name="sender"', sender.encode())]
    fields += [(f'name="file"; filename="{name}"'.encode(), content) for name, content in files]
    edge = f"--{EDGE}".encode()
    parts = (edge + b"\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + body for head, body in fields)
    return b"\r\n".join([*parts, edge + b"--\r\n"])


def send(visitor: Visitor, *files: tuple[str, bytes], sender: str | None = None, **headers: str) -> Reply:
    """Send the form of the page."""
    return visitor.request("POST", "/upload", form(*files, sender=sender), **FORM_TYPE, **headers)


def put(visitor: Visitor, name: str, content: bytes, **query: str) -> Reply:
    """Send one file as a program does."""
    return visitor.request("POST", f"/upload?{urlencode({'name': name, **query})}", content)


def files_of(person: Person) -> list[Any]:
    """The files of a person, the oldest first."""
    found: list[Any] = person.get("/api/files?order_by=created_at&order=asc&limit=100").json["files"]
    return found


def test_a_drop_takes_files_and_shows_none(served: Served, ann: Person) -> None:
    hidden = stored(ann, "secret.txt", b"of the owner")
    made = share(ann, kind="drop", title="Send me pictures")
    visitor = Visitor(served, made["url"])
    page = visitor.get()
    assert b"Send me pictures" in page.body
    assert b'enctype="multipart/form-data"' in page.body
    reply = send(visitor, ("a.txt", b"one"), ("b.txt", b"two"), sender="Bob")
    assert (reply.status, reply.headers["Location"]) == (303, visitor.path)
    assert all(f"{name}.txt".encode() in visitor.get().body for name in "ab")
    # Nobody else sees them, and nobody reads them, their sender included.
    assert b"a.txt" not in Visitor(served, made["url"]).get().body
    mine = [each for each in files_of(ann) if each["file_id"] != hidden]
    assert [(each["name"], each["meta"]["sender"]) for each in mine] == [("a.txt", "Bob"), ("b.txt", "Bob")]
    assert {each["access"] for each in mine} == {"private"}
    for file_id in (hidden, mine[0]["file_id"]):
        tried = visitor.bytes_of(file_id), visitor.begin(file_id), visitor.request("DELETE", f"/files/{file_id}")
        assert [each.status for each in tried] == [404, 404, 405]
    shown = visitor.json().json
    assert set(shown) == {"kind", "title", "message", "expires_at", "require_name", "uploads"}
    assert [each["name"] for each in shown["uploads"]] == ["b.txt", "a.txt"]
    assert set(shown["uploads"][0]) == {"name", "size", "received_at"}
    info = ann.get(f"/api/shares/{made['share_id']}").json
    assert (info["received_files"], info["received_bytes"]) == (2, 6)


def test_the_names_of_a_drop_tell_nothing_and_choose_no_folder(served: Served, ann: Person) -> None:
    stored(ann, "taken.txt", b"of the owner")
    visitor = Visitor(served, share(ann, kind="drop")["url"])
    for name in ("taken.txt", "../../taken.txt", "..\\x.txt", "free.txt"):
        reply = put(visitor, name, b"x")
        assert (reply.status, reply.json["uploads"][0]["name"]) == (201, name)
    assert [each["name"] for each in files_of(ann)] == ["taken.txt", "taken.txt", "taken.txt", "x.txt", "free.txt"]
    assert call(served.core, "files.download", file_id=files_of(ann)[0]["file_id"])


def test_limits_hold_exactly_for_senders_at_two_gateways(tmp_path: Path) -> None:
    with two_gateways(tmp_path) as gateways:
        ann = register(gateways[0])
        made = share(ann, kind="drop", max_files=3)
        senders = [Visitor(gateways[index % 2], made["url"]) for index in range(10)]
        replies = at_once(10, lambda index: put(senders[index], f"{index}.txt", b"x" * 10))
        assert sorted(reply.status for reply in replies) == [201] * 3 + [507] * 7
        # What is refused leaves nothing.
        assert len(files_of(ann)) == 3
        few = share(ann, kind="drop", max_bytes=25)
        senders = [Visitor(gateways[index % 2], few["url"]) for index in range(6)]
        replies = at_once(6, lambda index: send(senders[index], (f"{index}.txt", b"x" * 10)))
        assert sorted(reply.status for reply in replies) == [303] * 2 + [507] * 4
        assert len(files_of(ann)) == 5
        info = ann.get(f"/api/shares/{few['share_id']}").json
        assert (info["received_files"], info["received_bytes"]) == (2, 20)


def test_a_drop_has_a_limit_by_address_and_asks_for_a_name(served: Served, ann: Person) -> None:
    visitor = Visitor(served, share(ann, kind="drop", max_files_per_address=2, require_name=True)["url"])
    assert put(visitor, "a.txt", b"x").json["error"]["details"]["fields"] == {"sender": ["Send your name."]}
    assert send(visitor, ("a.txt", b"x")).status == 400
    assert send(visitor, ("a.txt", b"x"), sender="Bob\x00").status == 400
    assert put(visitor, "a.txt", b"x", sender="Bob").status == 201
    assert send(visitor, ("b.txt", b"x"), ("c.txt", b"x"), sender="Bob").status == 507
    assert [each["name"] for each in files_of(ann)] == ["a.txt", "b.txt"]
    assert b"no more files" in send(visitor, ("c.txt", b"x"), sender="Bob").body


def test_a_drop_does_not_tell_of_the_quota(tmp_path: Path) -> None:
    with serving(open_people(tmp_path, owner_quota_bytes=100, owner_uploads=1)) as served:
        ann = register(served)
        visitor = Visitor(served, share(ann, kind="drop")["url"])
        for reply in (put(visitor, "a.txt", b"x" * 200), send(visitor, ("a.txt", b"x" * 200), **JSON)):
            assert (reply.status, reply.json["error"]["details"]) == (507, {"field": "bytes"})
            assert b"quota" not in reply.body
        assert files_of(ann) == []
        assert put(visitor, "a.txt", b"x" * 80).status == 201


def test_the_password_and_the_kind_guard_uploads(served: Served, ann: Person) -> None:
    locked = Visitor(served, share(ann, kind="drop", password="open sesame")["url"])
    assert put(locked, "a.txt", b"x").status == 401
    assert send(locked, ("a.txt", b"x")).status == 401
    locked.unlock()
    assert put(locked, "a.txt", b"x").status == 201
    reader = Visitor(served, share(ann, stored(ann))["url"])
    assert put(reader, "a.txt", b"x").status == 403
    assert put(Visitor(served, f"/s/{'A' * 22}"), "a.txt", b"x").status == 404
    assert put(locked, "a.txt", b"x", other="x").status == 400
    evil = {"Origin": "https://evil.example"}
    assert locked.request("POST", "/upload?name=a", b"x", **evil).status == 403
    for wrong in (b"", form(), b"no form"):
        assert locked.request("POST", "/upload", wrong, **FORM_TYPE).status == 400


def test_a_drop_is_never_an_earlier_link_that_shows_its_folder(served: Served, ann: Person) -> None:
    asked = {"owner": "ann", "path": "in", "request_id": "r"}
    shown = call(served.core, "shares.create", kind="collect", **asked)
    assert call(served.core, "shares.create", kind="collect", **asked) == shown
    assert refusal(served.core, "shares.create", kind="drop", **asked).code == "conflict"


def test_a_drop_needs_no_files_and_cannot_show_any(served: Served, ann: Person) -> None:
    file_id = stored(ann)
    for given in ({"items": [file_id]}, {"max_downloads": 1}):
        reply = ann.post("/api/shares", kind="drop", **given)
        assert (reply.status, *reply.json["error"]["details"]["fields"]) == (400, *given)
    made = share(ann, kind="drop")
    reply = ann.call("shares.update", share_id=made["share_id"], changes={"items": [file_id]})
    assert reply.status == 400
    assert ann.post("/api/shares", items=[]).status == 400


@pytest.mark.parametrize("change", [{"state": "paused"}, {"password": "another one"}], ids=["paused", "password"])
def test_a_running_upload_of_another_gateway_ends_with_the_link(tmp_path: Path, change: Any) -> None:
    with two_gateways(tmp_path) as (first, second):
        ann = register(first)
        made = share(ann, kind="drop")
        path = f"/s/{made['key']}/upload?name=a.bin"
        with second.connect() as sender:
            sender.sendall(head_of("POST", path, {"Content-Length": str(8 * 2**20)}))
            sender.sendall(bytes(5 * 2**20))
            wait_until(lambda: second.state.uploads.taken == 1 and files_of(ann) != [])
            assert ann.call("shares.update", share_id=made["share_id"], changes=change).status == 200
            wait_until(lambda: second.state.uploads.taken == 0)
            assert b" 410 " in drained(sender)
        assert files_of(ann) == []
        assert ann.get(f"/api/shares/{made['share_id']}").json["received_files"] == 0
