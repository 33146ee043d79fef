"""All files of a share as one archive: through the gate, as one download, and not longer than the link is open."""

from __future__ import annotations

import io
import socket
import zipfile
from pathlib import Path

import pytest

from files_service.services.shares import folder
from tests.cores import call
from tests.gateway.serving import Reply, Served, head_of, wait_until
from tests.people.links import FORM, Visitor, share, stored, stored_at
from tests.people.persons import Person, register
from tests.people.test_sessions import drained, two_gateways

LARGE = bytes(32 * 2**20)


@pytest.fixture
def ann(served: Served) -> Person:
    """An owner who is signed in."""
    return register(served)


def contents(reply: Reply) -> dict[str, bytes]:
    assert reply.status == 200, reply.body
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        return {each.filename: archive.read(each) for each in archive.infolist()}


def used(ann: Person, share_id: str) -> int:
    count: int = ann.get(f"/api/shares/{share_id}").json["used"]
    return count


def test_a_shared_folder_comes_with_the_empty_folders_below_it(served: Served, ann: Person) -> None:
    stored_at(ann, "up/a.txt", b"abc")
    for path in ("up/b/c", "upper"):
        assert ann.post("/api/folders/create", path=path).status == 201
    visitor = Visitor(served, share(ann, path="up")["url"])
    assert contents(visitor.get("/zip")) == {"a.txt": b"abc", "b/c/": b""}


def test_all_files_come_as_one_download_that_can_be_gone_on_with(served: Served, ann: Person) -> None:
    first, second = stored(ann, "a.txt", b"0123456789"), stored(ann, "A.txt", b"abc")
    made = share(ann, first, second, title="Our trip", max_downloads=1)
    visitor = Visitor(served, made["url"])
    assert b"Download all (ZIP" in visitor.get().body
    begun = visitor.send("/zip")
    assert (begun.status, begun.headers["Location"]) == (303, f"{visitor.path}/zip")
    whole = visitor.get("/zip")
    assert contents(whole) == {"a.txt": b"0123456789", "A (2).txt": b"abc"}
    assert 'filename="Our trip.zip"' in whole.headers["Content-Disposition"]
    assert "no-store" in whole.headers["Cache-Control"]
    rest = visitor.get("/zip", Range="bytes=50-", **{"If-Range": whole.headers["ETag"]})
    assert (rest.status, rest.body) == (206, whole.body[50:])
    assert visitor.request("HEAD", "/zip").status == 200
    assert visitor.get("/zip", **{"If-None-Match": whole.headers["ETag"]}).status == 304
    assert visitor.bytes_of(first).status == 200
    assert used(ann, made["share_id"]) == 1
    stranger = Visitor(served, made["url"])
    assert (stranger.get("/zip").status, stranger.send("/zip").status) == (410, 410)


def test_an_archive_has_the_same_gate_as_each_file(served: Served, ann: Person) -> None:
    files = stored(ann, "a.txt"), stored(ann, "b.txt")
    locked = Visitor(served, share(ann, *files, password="open sesame")["url"])
    for reply in (locked.get("/zip"), locked.get("/zip", Range="bytes=0-9"), locked.send("/zip")):
        assert reply.status == 401
        assert b"a.txt" not in reply.body
    locked.unlock()
    assert list(contents(locked.get("/zip"))) == ["a.txt", "b.txt"]
    counted = Visitor(served, share(ann, *files, max_downloads=5)["url"])
    assert counted.get("/zip").status == 403
    shown = Visitor(served, share(ann, *files, allow_download=False)["url"])
    assert (shown.get("/zip").status, shown.send("/zip").status) == (403, 403)
    assert b"Download all" not in shown.get().body
    paused = share(ann, *files)
    ann.call("shares.update", share_id=paused["share_id"], changes={"state": "paused"})
    assert Visitor(served, paused["url"]).get("/zip").status == 410
    assert Visitor(served, f"/s/{'A' * 22}").get("/zip").status == 404
    foreign = Visitor(served, share(ann, *files)["url"])
    assert foreign.request("POST", "/zip", b"", Origin="https://other.example").status == 403


def test_a_plain_request_is_counted_once_however_it_goes_on(served: Served, ann: Person) -> None:
    made = share(ann, stored(ann, "a.txt"), stored(ann, "b.txt"))
    visitor = Visitor(served, made["url"])
    whole = visitor.get("/zip").body
    assert visitor.get("/zip", Range="bytes=10-").body == whole[10:]
    assert visitor.request("HEAD", "/zip").status == 200
    assert used(ann, made["share_id"]) == 1


def test_only_files_that_the_link_shows_and_that_are_ready_are_in_it(served: Served, ann: Person) -> None:
    kept, hidden, removed = (stored(ann, f"{name}.txt") for name in ("kept", "hidden", "removed"))
    pending = call(served.core, "files.upload", owner="ann", name="x", parts=[{"size": 1}])["file_id"]
    visitor = Visitor(served, share(ann, kept, hidden, removed, pending)["url"])
    assert list(contents(visitor.get("/zip"))) == ["kept.txt", "hidden.txt", "removed.txt"]
    ann.call("files.access", file_ids=[hidden], access="private")
    ann.delete(f"/api/files/{removed}")
    assert list(contents(visitor.get("/zip"))) == ["kept.txt"]
    assert b"Download all" not in visitor.get().body
    alone = Visitor(served, share(ann, pending)["url"])
    assert alone.get("/zip").status == 410


def test_a_running_archive_of_another_gateway_ends_with_the_link_or_with_its_file(tmp_path: Path) -> None:
    with two_gateways(tmp_path) as (first, second):
        ann = register(first)
        files = stored(ann, "a.bin", content=LARGE), stored(ann, "b.bin", content=b"b")
        for end in (
            lambda made: ann.call("files.access", file_ids=[files[0]], access="private"),
            lambda made: ann.delete(f"/api/shares/{made['share_id']}"),
        ):
            made = share(ann, *files)
            path = f"/s/{made['key']}/zip"
            with second.connect() as reader:
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
                reader.sendall(head_of("GET", path, {}))
                assert reader.recv(4096).startswith(b"HTTP/1.1 200")
                assert end(made).status == 200
                wait_until(lambda: second.state.downloads.taken == 0)
                assert len(drained(reader)) < len(LARGE)


def test_a_link_of_a_folder_keeps_the_folders_in_it_and_tells_none_above(served: Served, ann: Person) -> None:
    for path in ("secret/trip/a.txt", "secret/trip/more/a.txt", "secret/b.txt"):
        stored_at(ann, path, b"abc")
    visitor = Visitor(served, share(ann, path="secret/trip")["url"])
    whole = visitor.get("/zip")
    assert list(contents(whole)) == ["a.txt", "more/a.txt"]
    assert b"secret" not in whole.body
    assert visitor.get("/zip", Range="bytes=20-").body == whole.body[20:]


def test_a_folder_of_too_many_files_is_refused_and_not_cut(
    served: Served, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        stored_at(ann, f"trip/{name}.txt", b"abc")
    made = share(ann, path="trip")
    monkeypatch.setattr(folder, "MOST", 1)
    reply = Visitor(served, made["url"]).get("/zip", Accept="application/json")
    assert reply.status == 413
    assert used(ann, made["share_id"]) == 0


def test_people_make_archives_of_their_files(served: Served, ann: Person) -> None:
    file_id = stored(ann, "a.txt", b"abc")
    made = ann.post("/api/archives", file_ids=[file_id])
    assert made.status == 201, made.body
    assert contents(ann.get(f"/api/archives/{made.json['archive_id']}")) == {"a.txt": b"abc"}
    assert register(served, "bob").get(f"/api/archives/{made.json['archive_id']}").status == 404


def test_a_selection_is_an_archive_of_its_own_through_the_same_gate(served: Served, ann: Person) -> None:
    first, second, third = (stored(ann, f"{name}.txt") for name in "abc")
    other = stored(ann, "other.txt")
    made = share(ann, first, second, third, max_downloads=1)
    visitor = Visitor(served, made["url"])
    body = f"selection=1&chosen={first}&chosen={third}".encode()
    assert visitor.get(f"/zip?files={first},{third}").status == 403
    begun = visitor.request("POST", "/zip", body, **FORM)
    assert (begun.status, begun.headers["Location"]) == (303, f"{visitor.path}/zip?files={first},{third}")
    assert list(contents(visitor.get(f"/zip?files={first},{third}"))) == ["a.txt", "c.txt"]
    assert ann.get(f"/api/shares/{made['share_id']}").json["used"] == 1
    assert visitor.get(f"/zip?files={other}").status == 404
    for wrong in ("x", f"{first};", ",".join([first[:-3] + f"{number:03}" for number in range(101)])):
        assert visitor.get(f"/zip?files={wrong}").status == 400
    # Nothing chosen is no wish for everything.
    empty = visitor.request("POST", "/zip", b"selection=1", **FORM)
    assert (empty.status, empty.headers["Location"]) == (303, visitor.path)


def test_a_selection_in_a_folder_keeps_the_places_in_it(served: Served, ann: Person) -> None:
    inner, outer = stored_at(ann, "trip/day/a.txt"), stored_at(ann, "trip/b.txt")
    beside = stored_at(ann, "trips/c.txt")
    visitor = Visitor(served, share(ann, path="trip")["url"])
    assert list(contents(visitor.get(f"/zip?files={inner},{outer}"))) == ["day/a.txt", "b.txt"]
    assert visitor.get(f"/zip?files={inner},{beside}").status == 404
