"""Shares of folders: live, closed to everything above and beside them, and shown page by page."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from files_service.domain.paths import MAX_DEPTH
from files_service.services.files import change
from tests.cores import call
from tests.gateway.serving import Served
from tests.people.links import JSON, Visitor, move_to, share, stored, stored_at
from tests.people.persons import JSON_TYPE, Person, register
from tests.people.test_drops import put, send


@pytest.fixture
def ann(served: Served) -> Person:
    """An owner who is signed in."""
    return register(served)


def shown(visitor: Visitor, query: str = "") -> Any:
    reply = visitor.get(query, **JSON)
    assert reply.status == 200, reply.body
    return reply.json


def names(answer: Any) -> list[str]:
    return [each["name"] for each in answer["files"]]


def test_a_folder_link_shows_what_is_in_the_folder_now(served: Served, ann: Person) -> None:
    first = stored_at(ann, "trip/a.txt", b"one")
    visitor = Visitor(served, share(ann, path="trip")["url"])
    assert names(shown(visitor)) == ["a.txt"]
    assert visitor.download(first).body == b"one"
    # The file stays private; the folder is what is shared.
    assert ann.get(f"/api/files/{first}").json["access"] == "private"
    second = stored_at(ann, "trip/b.txt")
    assert names(shown(visitor)) == ["a.txt", "b.txt"]
    move_to(served, first, "kept/a.txt")
    assert names(shown(visitor)) == ["b.txt"]
    assert [visitor.bytes_of(each).status for each in (first, second)] == [404, 200]
    now = served.core.clock()
    change(served.core, second, lambda record: replace(record, trashed_at=now))
    assert (names(shown(visitor)), visitor.bytes_of(second).status) == ([], 404)
    change(served.core, second, lambda record: replace(record, trashed_at=None))
    assert names(shown(visitor)) == ["b.txt"]


def test_a_link_reaches_neither_siblings_nor_parents_nor_names_that_begin_alike(served: Served, ann: Person) -> None:
    inside = stored_at(ann, "up/in/a.txt")
    outside = [
        stored_at(ann, path) for path in ("up/b.txt", "up/in2/a.txt", "up/in.txt", "up2/in/a.txt", "UP/in/a.txt")
    ]
    outside.append(stored_at(register(served, "bob"), "up/in/b.txt"))
    outside.append(stored(ann, "a.txt"))
    visitor = Visitor(served, share(ann, path="up/in")["url"])
    assert shown(visitor)["folders"] == []
    assert names(shown(visitor)) == ["a.txt"]
    assert visitor.bytes_of(inside).status == 200
    for file_id in outside:
        assert [visitor.bytes_of(file_id).status, visitor.begin(file_id).status] == [404, 404]
    for path in ("..", "../", "../in2", "%2e%2e", "a/../..", "/..", "../../up2/in", "in2", "\\"):
        assert visitor.get(f"?path={path}", **JSON).status in (400, 404)
    cursor = "?cursor=WyIuLi9pbjIvIiwiIl0"
    assert names(shown(visitor, cursor)) in ([], ["a.txt"])
    alone = Visitor(served, share(ann, inside)["url"])
    sibling = stored_at(ann, "up/in/c.txt")
    assert [alone.bytes_of(inside).status, alone.bytes_of(sibling).status] == [200, 404]


def test_a_path_that_is_not_there_or_not_clean_is_refused(served: Served, ann: Person) -> None:
    stored_at(ann, "up2/a.txt")
    stored_at(register(served, "bob"), "theirs/a.txt")
    for path in ("up", "none", "up2/a.txt", "theirs", "UP2"):
        assert ann.post("/api/shares", path=path).status == 404
    for path in ("", "/", "..", "up2/..", "./up2", "a//b", "a\\b", "a\x00b", "a\u202eb", "x" * 2_000):
        reply = ann.post("/api/shares", path=path)
        assert (reply.status, set(reply.json["error"]["details"]["fields"])) == (400, {"path"})
    made = share(ann, path="up2/")
    assert made["path"] == "up2"
    changes = {"path": "none"}
    assert ann.call("shares.update", share_id=made["share_id"], changes=changes).status == 404
    assert ann.post("/api/shares", path="up2", items=[stored(ann)]).status == 400
    assert ann.post("/api/shares", kind="collect").status == 400


def test_folders_are_walked_on_the_page_in_pages_of_a_hundred(served: Served, ann: Person) -> None:
    core = served.core
    [source] = [core.metadata.get(stored_at(ann, "trip/000.txt"))]
    for number in range(1, 130):
        copy = replace(source, file_id=core.new_id(), path=f"trip/{number:03}.txt", name=f"{number:03}.txt", revision=0)
        core.metadata.save(copy, expected_revision=0, changed_at=core.clock(), event=None)
    for path in ("trip/100/x.txt", "trip/100/deep/y.txt", "trip/zz & <b>/z.txt"):
        stored_at(ann, path)
    visitor = Visitor(served, share(ann, path="trip")["url"])
    answers = [shown(visitor)]
    while cursor := answers[-1]["next_cursor"]:
        answers.append(shown(visitor, f"?cursor={cursor}"))
    seen = [name for answer in answers for name in (*answer["folders"], *names(answer))]
    assert len(answers) == 2
    assert sorted(seen) == sorted([*(f"{number:03}.txt" for number in range(130)), "100", "zz & <b>"])
    page = visitor.get().body.decode()
    more = re.search(r'href="[^"]*(\?cursor=[^"]*)">More files', page)
    assert more is not None
    assert b"129.txt" in visitor.get(more[1]).body
    inner = visitor.get("?path=100").body
    assert all(text in inner for text in (b"x.txt", b"?path=100%2Fdeep", b'aria-label="Folders"'))
    assert b"<b>" not in visitor.get(more[1]).body
    assert names(shown(visitor, "?path=zz+%26+%3Cb%3E")) == ["z.txt"]
    for cursor in ("x", "W10", "WzEsMl0", "x" * 5_000):
        assert visitor.get(f"?cursor={cursor}").status == 400


def test_a_collection_shows_what_visitors_add_and_lets_nobody_remove(served: Served, ann: Person) -> None:
    first = stored_at(ann, "party/a.txt", b"of ann")
    made = share(ann, kind="collect", path="party")
    bob, eve = (Visitor(served, made["url"]) for _ in range(2))
    assert send(bob, ("a.txt", b"of bob"), sender="Bob").status == 303
    assert names(shown(eve)) == ["a.txt"]
    mine = ann.get("/api/files?limit=100").json["files"]
    added = next(each for each in mine if each["file_id"] != first)
    assert (added["path"], added["name"], added["meta"]["sender"]) == ("party/a (2).txt", "a (2).txt", "Bob")
    call(served.core, "files.process", file_id=added["file_id"])
    assert names(shown(eve)) == ["a (2).txt", "a.txt"]
    assert eve.bytes_of(added["file_id"]).body == b"of bob"
    for visitor in (bob, eve):
        for method in ("DELETE", "PUT", "PATCH"):
            assert visitor.request(method, f"/files/{first}", b"x").status == 405
    assert served.request("DELETE", f"/api/files/{first}", None, {}).status == 401
    assert ann.get(f"/api/files/{first}").json["name"] == "a.txt"


def test_a_drop_sorts_files_by_sender_and_never_replaces_one(served: Served, ann: Person) -> None:
    visitor = Visitor(served, share(ann, kind="drop", path="in/box")["url"])
    for name, sender in (
        ("a.txt", "Bob"),
        ("a.txt", "Bob"),
        ("a.txt", ""),
        ("../../a.txt", "../Eve"),
        ("photos\\day 1/b.jpg", "Bob"),
        (".env", "Bob"),
        (".env", "Bob"),
    ):
        assert put(visitor, name, b"x", sender=sender).status == 201
    found = sorted(each["path"] for each in ann.get("/api/files?limit=100").json["files"])
    assert found == [
        "in/box/.._Eve/a.txt",
        "in/box/Bob/.env",
        "in/box/Bob/.env (2)",
        "in/box/Bob/a (2).txt",
        "in/box/Bob/a.txt",
        "in/box/Bob/photos/day 1/b.jpg",
        "in/box/a.txt",
    ]
    for beyond in (["x" * 200] * 6, ["x"] * MAX_DEPTH):
        assert put(visitor, "/".join(beyond), b"x").status == 400
    assert len(ann.get("/api/files?limit=100").json["files"]) == len(found)


def test_private_tells_which_folder_links_still_show_a_file(served: Served, ann: Person) -> None:
    file_id = stored_at(ann, "trip/a.txt")
    showing = share(ann, path="trip")
    hidden = [share(ann, file_id), share(ann, kind="drop", path="trip"), share(ann, path="trip")]
    assert ann.call("shares.update", share_id=hidden[2]["share_id"], changes={"state": "paused"}).status == 200

    def put_access(access: str) -> Any:
        body = f'{{"accessType": "{access}"}}'.encode()
        return served.request("PUT", f"/api/files/{file_id}/access", body, {**ann.headers, **JSON_TYPE}).json

    assert "links" not in put_access("shared")
    links = put_access("private")["links"]
    assert links == [{"share_id": showing["share_id"], "url": showing["url"], "path": "trip"}]
    assert Visitor(served, hidden[0]["url"]).bytes_of(file_id).status == 410
    assert Visitor(served, showing["url"]).bytes_of(file_id).status == 200
    ann.delete(f"/api/shares/{showing['share_id']}")
    assert put_access("private")["links"] == []
