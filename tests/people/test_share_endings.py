"""The end of a link: by its owner, its time, its file or its account; at once, everywhere, for what is running too."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import IDENTITY_MS
from files_service.domain.shares import REVOKED_MS
from files_service.gateway.watching import LOOK_SECONDS
from files_service.runtime.clock import now_ms
from tests.clocks import Clock
from tests.cores import at, call, refusal
from tests.gateway.serving import Served, head_of, serving, wait_until
from tests.people.links import Visitor, share, stored
from tests.people.persons import Person, appoint, open_people, register
from tests.people.test_sessions import drained, two_gateways

LARGE = bytes(32 * 2**20)


@pytest.fixture
def ann(served: Served) -> Person:
    """An owner who is signed in."""
    return register(served)


def statuses(visitor: Visitor, file_id: str) -> set[int]:
    """The answers of every kind of address of a link."""
    return {
        visitor.get().status,
        visitor.json().status,
        visitor.bytes_of(file_id).status,
        visitor.bytes_of(file_id, Range="bytes=0-1").status,
        visitor.request("HEAD", f"/files/{file_id}").status,
        visitor.begin(file_id).status,
    }


def update(ann: Person, share_id: str, **changes: Any) -> None:
    reply = ann.call("shares.update", share_id=share_id, changes=changes)
    assert reply.status == 200, reply.body


def test_a_paused_a_coming_and_an_expired_link_are_closed_and_come_back(tmp_path: Path) -> None:
    clock = Clock(now_ms())
    later = clock() + 3_600_000
    with serving(replace(open_people(tmp_path), clock=clock)) as served:
        ann = register(served)
        file_id = stored(ann)
        made = share(ann, file_id, title="Trip")
        visitor = Visitor(served, made["url"])
        for closing, opening, seconds in (
            ({"state": "paused"}, {"state": "active"}, 0),
            ({"starts_at": later}, {"starts_at": None}, 0),
            ({"expires_at": clock() + 1_000}, {"expires_at": later}, 1),
        ):
            update(ann, made["share_id"], **closing)
            clock.pass_seconds(seconds)
            wait_until(lambda: visitor.get().status == 410)
            assert statuses(visitor, file_id) == {410}
            assert b"Trip" not in visitor.get().body
            update(ann, made["share_id"], **opening)
            assert statuses(visitor, file_id) <= {200, 206, 303}


def test_a_revoked_link_ends_old_cookies_also_when_it_comes_back(served: Served, ann: Person) -> None:
    file_id = stored(ann)
    made = share(ann, file_id, max_downloads=1)
    visitor = Visitor(served, made["url"])
    assert visitor.download(file_id).status == 200
    assert ann.delete(f"/api/shares/{made['share_id']}").json["state"] == "revoked"
    assert ann.delete(f"/api/shares/{made['share_id']}").status == 200
    assert statuses(visitor, file_id) == {410}
    update(ann, made["share_id"], state="active")
    assert visitor.bytes_of(file_id).status == 410
    update(ann, made["share_id"], max_downloads=2)
    assert visitor.bytes_of(file_id).status == 403
    assert visitor.download(file_id).status == 200
    ann.delete(f"/api/shares/{made['share_id']}")
    late = at(served.core, served.core.clock() + REVOKED_MS + 1)
    gone = refusal(late, "shares.update", share_id=made["share_id"], changes={"state": "active"})
    assert gone.code == "not_found"


def test_a_link_that_never_was_is_not_one_that_has_ended(served: Served, ann: Person) -> None:
    stranger = Visitor(served, f"/s/{'A' * 22}")
    assert statuses(stranger, stored(ann)) == {404}
    assert Visitor(served, "/s/short").get().status == 404
    assert stranger.unlock().status == 404


def test_a_file_that_is_removed_or_private_is_gone_from_its_links(served: Served, ann: Person) -> None:
    kept, removed, hidden = (stored(ann, f"{name}.txt") for name in ("kept", "removed", "hidden"))
    made = share(ann, kept, removed, hidden)
    visitor = Visitor(served, made["url"])
    assert ann.delete(f"/api/files/{removed}").status == 200
    assert ann.call("files.access", file_ids=[hidden], access="private").status == 200
    for access in ("private", "shared", "public"):
        # What was made private does not come back by itself.
        assert ann.call("files.access", file_ids=[hidden], access=access).status == 200
        assert [each["name"] for each in visitor.json().json["files"]] == ["kept.txt"]
        assert [visitor.bytes_of(each).status for each in (kept, removed, hidden)] == [200, 410, 410]
        assert visitor.begin(removed).status == 410
    shown = ann.get(f"/api/shares/{made['share_id']}").json
    assert shown["closed_items"] == [removed, hidden]
    update(ann, made["share_id"], state="active")
    assert [visitor.bytes_of(each).status for each in (kept, hidden)] == [200, 200]
    assert ann.get(f"/api/shares/{made['share_id']}").json["items"] == [kept, hidden]
    assert ann.call("files.access", file_ids=[kept, hidden], access="private").status == 200
    assert statuses(visitor, kept) == {410}


def test_the_links_of_a_disabled_account_are_closed_while_it_is(served: Served, ann: Person) -> None:
    root, bob = appoint(served, "root", "operator"), register(served, "bob")
    file_id, other = stored(ann), stored(bob)
    visitor, beside = Visitor(served, share(ann, file_id)["url"]), Visitor(served, share(bob, other)["url"])
    assert root.call("accounts.update", owner="ann", disabled=True).status == 200
    wait_until(lambda: visitor.get().status == 410)
    assert statuses(visitor, file_id) == {410}
    assert beside.bytes_of(other).status == 200
    assert root.call("accounts.update", owner="ann", disabled=False).status == 200
    wait_until(lambda: visitor.bytes_of(file_id).status == 200)


def test_the_links_of_one_owner_end_without_those_of_others(served: Served) -> None:
    """Names of owners begin alike, and one has a separator in it."""
    core = served.core
    made = {}
    for owner in ("a", "a/b", "ab"):
        file_id = call(core, "files.upload", owner=owner, name="x", parts=[{"size": 1}])["file_id"]
        made[owner] = call(core, "shares.create", owner=owner, items=[file_id])
    for owner, each in made.items():
        listed = call(core, "shares.list", owner=owner)["shares"]
        assert [found["share_id"] for found in listed] == [each["share_id"]]
    call(core, "shares.revoke", share_id=made["a"]["share_id"])
    opened = [Visitor(served, made[owner]["url"]).get().status for owner in made]
    assert opened == [410, 200, 200]


def test_links_are_listed_page_by_page_the_newest_first(served: Served, ann: Person) -> None:
    file_id = stored(ann)
    made = [share(ann, file_id, label=str(number))["share_id"] for number in range(5)]
    found: list[str] = []
    more = ""
    for count in (2, 2, 1):
        page = ann.get(f"/api/shares?limit=2{more}").json
        assert len(page["shares"]) == count
        found += [each["share_id"] for each in page["shares"]]
        more = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert found == made[::-1]
    assert ann.get("/api/shares?limit=0").status == 400
    assert ann.get("/api/shares?other=1").status == 400


@pytest.mark.parametrize(
    "end",
    [
        lambda ann, made: ann.delete(f"/api/shares/{made['share_id']}"),
        lambda ann, made: ann.call("files.access", file_ids=made["items"], access="private"),
        lambda ann, made: ann.call("files.remove", file_id=made["items"][0]),
        lambda ann, made: ann.call("shares.update", share_id=made["share_id"], changes={"password": "a new password"}),
    ],
    ids=["revoked", "private", "removed", "another password"],
)
def test_running_transfers_of_both_gateways_end_with_the_link(
    tmp_path: Path, end: Callable[[Person, Any], Any]
) -> None:
    with two_gateways(tmp_path) as (first, second):
        ann = register(first)
        file_id = stored(ann, content=LARGE)
        made = share(ann, file_id)
        path = f"/s/{made['key']}/files/{file_id}"
        with first.connect() as near, second.connect() as far:
            for reader in (near, far):
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
                reader.sendall(head_of("GET", path, {}))
                assert reader.recv(4096).startswith(b"HTTP/1.1 200")
            assert end(ann, made).status == 200
            # What is read from now on is what was under way: the rest never comes.
            wait_until(lambda: first.state.downloads.taken == second.state.downloads.taken == 0)
            assert max(len(drained(near)), len(drained(far))) < len(LARGE)
        assert {each.request("GET", path).status for each in (first, second)} <= {401, 410}


def test_what_ends_is_looked_at_often_enough_to_end_within_a_second() -> None:
    assert LOOK_SECONDS * 1000 + IDENTITY_MS <= 750


def test_access_by_link_makes_one_link_which_private_closes(served: Served, ann: Person) -> None:
    file_id, named = stored(ann), stored(ann, "b.txt")

    def put(name: str, access: str, wanted: str = file_id) -> Any:
        body, headers = json.dumps({name: access}).encode(), {**ann.headers, "Content-Type": "application/json"}
        reply = served.request("PUT", f"/api/files/{wanted}/access", body, headers)
        assert reply.status == 200, reply.body
        return reply.json

    url = put("accessType", "shared")["url"]
    visitor = Visitor(served, url)
    assert visitor.bytes_of(file_id).status == 200
    assert put("accessType", "shared")["url"] == url
    assert "url" not in put("accessType", "private")
    assert statuses(visitor, file_id) == {410}
    # The other name of the field is about those who are named, and makes no link.
    assert "url" not in put("access", "shared")
    assert statuses(visitor, file_id) == {410}
    assert put("accessType", "shared")["url"] == url
    assert visitor.bytes_of(file_id).status == 200
    assert ann.call("files.update", file_id=named, changes={"grantees": ["bob"]}).status == 200
    assert "url" not in put("accessType", "shared", named)
    assert len(ann.get("/api/shares").json["shares"]) == 1
