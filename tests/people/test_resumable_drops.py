"""Files that visitors bring by tus: through the same gate and under the same limits, and each upload is the visit's."""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tusclient.client import TusClient

from files_service.services.shares.receiving import Sender
from files_service.services.shares.resuming import brought_of, finish_brought
from files_service.services.shares.share import find_share
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.sweep import sweep_uploads
from files_service.services.uploads.writer import Engine, Stream
from storage_adapters import Upload
from tests.clocks import Clock
from tests.cores import at_once, forget_looks
from tests.gateway.serving import Reply, Served, head_of, serving, wait_until
from tests.gateway.test_tus_clients import CONTENT
from tests.gateway.tus import checksum, metadata
from tests.people.links import Visitor, share, stored, stored_at
from tests.people.persons import Person, open_people, register
from tests.people.test_drops import files_of
from tests.people.test_sessions import drained, two_gateways

TUS = {"Tus-Resumable": "1.0.0"}
SECRET = "chosen-by-the-client-0123456789"
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}


@pytest.fixture
def ann(served: Served) -> Person:
    """An owner who is signed in."""
    return register(served)


def create(visitor: Visitor, length: int | None, body: bytes | None = None, **said: str) -> Reply:
    size = {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
    headers = (TUS if body is None else BYTES) | size | {"Upload-Metadata": metadata(**{"filename": "a.bin", **said})}
    return visitor.request("POST", "/tus/", body, **headers)


def begun(visitor: Visitor, length: int | None, **said: str) -> str:
    """The address of a new upload, below the link."""
    reply = create(visitor, length, None, **said)
    assert reply.status == 201, reply.body
    assert reply.headers["Upload-Offset"] == "0"
    place: str = reply.headers["Location"].removeprefix(visitor.path)
    return place


def patch(visitor: Visitor, place: str, offset: int, body: bytes, **more: str) -> Reply:
    return visitor.request("PATCH", place, body, **{**BYTES, "Upload-Offset": str(offset), **more})


def head(visitor: Visitor, place: str) -> Reply:
    return visitor.request("HEAD", place, None, **TUS)


def received(ann: Person, made: Any) -> tuple[int, int]:
    info = ann.get(f"/api/shares/{made['share_id']}").json
    return info["received_files"], info["received_bytes"]


def test_tuspy_stops_at_a_drop_and_goes_on(served: Served, ann: Person) -> None:
    stored_at(ann, "inbox/Bob/trip/clip.bin", b"taken")
    made = share(ann, kind="drop", path="inbox")
    said = {"filename": "trip/clip.bin", "filetype": "video/mp4", "sender": "Bob", "access": "public", "tags": "x"}
    # A client without a place for cookies chooses the secret of its visit by itself.
    endpoint = f"http://127.0.0.1:{served.port}/s/{made['key']}/tus/"
    client = TusClient(endpoint, headers={"Cookie": f"files_sender={SECRET}"})
    first = client.uploader(file_stream=io.BytesIO(CONTENT), chunk_size=2**20, metadata=said)
    first.upload(stop_at=3 * 2**20)
    assert first.url is not None
    assert (len(files_of(ann)), received(ann, made)) == (1, (0, 0))
    second = client.uploader(file_stream=io.BytesIO(CONTENT), chunk_size=5 * 2**20, url=first.url, upload_checksum=True)
    assert second.offset == 3 * 2**20
    second.upload()
    [_, mine] = files_of(ann)
    assert (mine["path"], mine["content_type"], mine["access"]) == (
        "inbox/Bob/trip/clip (2).bin",
        "video/mp4",
        "private",
    )
    assert (mine["access"], mine["tags"]) == ("private", [])
    assert mine["meta"] == {"share_id": made["share_id"], "sender": "Bob"}
    assert received(ann, made) == (1, len(CONTENT))
    served.result("files.process", file_id=mine["file_id"])
    assert ann.get(f"/api/files/{mine['file_id']}/download").body == CONTENT
    # Its own row, under the name that was sent; a repeated question counts nothing.
    visitor = Visitor(served, made["url"], {"files_sender": SECRET})
    again = head(visitor, first.url.partition(made["key"])[2])
    assert (again.status, again.headers["Upload-Offset"]) == (200, str(len(CONTENT)))
    assert [each["name"] for each in visitor.json().json["uploads"]] == ["trip/clip.bin"]
    assert received(ann, made) == (1, len(CONTENT))


def test_an_upload_is_the_visits_alone_and_no_other_upload_is_there(served: Served, ann: Person) -> None:
    made, other = share(ann, kind="drop"), share(ann, kind="drop")
    visitor = Visitor(served, made["url"])
    place = begun(visitor, 4)
    theirs = ann.call("files.upload", owner="ann", name="own.bin", parts=[{"size": 4}])
    owns = served.request("POST", "/tus/", None, {**TUS, "Upload-Length": "4", **ann.headers}).headers["Location"]
    strangers = [
        (Visitor(served, made["url"]), place),
        (Visitor(served, made["url"], {"files_sender": "guessed"}), place),
        (Visitor(served, other["url"], dict(visitor.cookies)), place),
        (visitor, owns),
        (visitor, f"/tus/{theirs.json['result']['file_id']}-p0"),
        (visitor, f"/tus/{'0' * 26}-p0"),
        (visitor, "/tus/nothing"),
    ]
    for stranger, asked in strangers:
        for method, more in (("HEAD", {}), ("DELETE", {}), ("PATCH", {"Upload-Offset": "0"})):
            reply = stranger.request(method, asked, b"1234" if more else None, **BYTES, **more)
            assert reply.status == 404, (asked, method)
            assert reply.headers["Tus-Resumable"] == "1.0.0"
    assert patch(visitor, place, 0, b"1234").status == 204
    # The owner's from now on: a visitor removes no file.
    assert visitor.request("DELETE", place, None, **TUS).status == 403
    assert [each["name"] for each in files_of(ann)][-1] == "a.bin"


def test_every_request_passes_the_gate(served: Served, ann: Person) -> None:
    made = share(ann, kind="drop", password="open sesame", require_name=True)
    visitor = Visitor(served, made["url"])
    assert create(visitor, 4, sender="Bob").status == 401
    visitor.unlock()
    assert create(visitor, 4).json["error"]["details"]["fields"] == {"sender": ["Send your name."]}
    place = begun(visitor, 4, sender="Bob")
    assert patch(visitor, place, 0, b"12").headers["Upload-Offset"] == "2"
    for change, status in (({"state": "paused"}, 410), ({"password": "another one"}, 401)):
        ann.call("shares.update", share_id=made["share_id"], changes={**change})
        replies = head(visitor, place), patch(visitor, place, 2, b"34"), create(visitor, 4, sender="Bob")
        assert [each.status for each in replies] == [status] * 3
        assert visitor.request("DELETE", place, None, **TUS).status == status
        ann.call("shares.update", share_id=made["share_id"], changes={"state": "active"})
    visitor.unlock("another one")
    assert patch(visitor, place, 2, b"34").status == 204
    evil = {"Origin": "https://evil.example"}
    assert visitor.request("POST", "/tus/", None, **TUS, **evil, **{"Upload-Length": "1"}).status == 403
    assert create(Visitor(served, share(ann, stored(ann))["url"]), 4).status == 403
    assert create(Visitor(served, f"/s/{'A' * 22}"), 4).status == 404
    assert head(visitor, place).headers["Upload-Offset"] == "4"
    assert ann.delete(f"/api/shares/{made['share_id']}").status == 200
    assert head(visitor, place).status == 410


def test_the_protocol(served: Served, ann: Person) -> None:
    visitor = Visitor(served, share(ann, kind="drop")["url"])
    told = visitor.request("OPTIONS", "/tus/")
    assert (told.status, told.headers["Tus-Version"]) == (204, "1.0.0")
    assert "concatenation" not in told.headers["Tus-Extension"]
    assert create(visitor, 0).headers["Upload-Offset"] == "0"
    assert create(visitor, 4, b"1234", filename="whole.bin").headers["Upload-Offset"] == "4"
    assert create(visitor, 3, b"1234").status == 413
    assert create(visitor, 4, b"12", filename="begun.bin").headers["Upload-Offset"] == "2"
    place = begun(visitor, None, filename="deferred.bin")
    assert head(visitor, place).headers["Upload-Defer-Length"] == "1"
    assert patch(visitor, place, 0, b"12").status == 204
    assert patch(visitor, place, 0, b"12").json["error"]["details"]["offset"] == 2
    assert patch(visitor, place, 2, b"34", **{"Upload-Length": "1"}).status == 413
    assert patch(visitor, place, 2, b"34", **{"Upload-Checksum": checksum(b"x")}).status == 460
    assert patch(visitor, place, 2, b"34", **{"Upload-Length": "5"}).headers["Upload-Offset"] == "4"
    assert patch(visitor, place, 4, b"5", **{"Upload-Length": "6"}).status == 409
    assert patch(visitor, place, 4, b"56").status == 413
    assert patch(visitor, place, 4, b"5").headers["Upload-Offset"] == "5"
    assert (
        visitor.request("POST", "/tus/", None, **TUS, **{"Upload-Length": "4", "Upload-Concat": "partial"}).status
        == 400
    )
    assert visitor.request("POST", "/tus/", None, **{"Upload-Length": "4"}).status == 412
    ended = begun(visitor, 4)
    assert visitor.request("DELETE", ended, None, **TUS).status == 204
    assert head(visitor, ended).status == 404
    assert [each["name"] for each in files_of(ann)] == ["a.bin", "whole.bin", "deferred.bin"]


def test_limits_hold_exactly_and_nothing_is_kept_above_them(tmp_path: Path) -> None:
    with two_gateways(tmp_path) as gateways:
        ann = register(gateways[0])
        made = share(ann, kind="drop", max_files=3, max_bytes=1_000)
        visitors = [Visitor(gateways[index % 2], made["url"]) for index in range(8)]
        places = [begun(each, 10) for each in visitors]
        replies = at_once(8, lambda index: patch(visitors[index], places[index], 0, b"x" * 10))
        assert sorted(each.status for each in replies) == [204] * 3 + [507] * 5
        assert (len(files_of(ann)), received(ann, made)) == (3, (3, 30))
        gone = [head(visitor, place).status for visitor, place in zip(visitors, places, strict=True)]
        assert sorted(gone) == [200] * 3 + [404] * 5
        few = share(ann, kind="drop", max_bytes=25)
        first, second = (Visitor(each, few["url"]) for each in gateways)
        assert create(first, 26).status == 507
        place = begun(first, 20)
        assert patch(first, place, 0, b"x" * 15).status == 204
        # What another visitor has not finished is taken, too.
        assert patch(second, begun(second, 20), 0, b"x" * 20).status == 507
        # One upload that both gateways finish at once counts once.
        second.cookies = dict(first.cookies)
        at_once(2, lambda index: patch((first, second)[index], place, 15, b"x" * 5))
        assert head(first, place).headers["Upload-Offset"] == "20"
        assert received(ann, few) == (1, 20)


def test_announced_uploads_take_nothing_from_the_owner(tmp_path: Path) -> None:
    with serving(open_people(tmp_path, owner_quota_bytes=100, owner_uploads=10)) as served:
        ann = register(served)
        visitor = Visitor(served, share(ann, kind="drop")["url"])
        refused = create(visitor, 101)
        assert (refused.status, refused.json["error"]["details"]) == (507, {"field": "bytes"})
        places = [begun(visitor, 90) for _ in range(5)]
        # Half of the places stay the owner's, and all of the quota.
        assert create(visitor, 1).status == 507
        stored(ann, "own.txt", b"x" * 60)
        assert patch(visitor, places[0], 0, b"x" * 90).status == 507
        assert patch(visitor, places[0], 0, b"x" * 40).status == 204
        assert patch(visitor, places[0], 40, b"x" * 50).json["error"]["details"] == {"field": "bytes"}
        assert [each["name"] for each in files_of(ann)] == ["own.txt"]


def test_a_running_piece_at_another_gateway_ends_with_the_link_and_the_upload_goes_on(tmp_path: Path) -> None:
    with two_gateways(tmp_path) as (first, second):
        ann = register(first)
        made = share(ann, kind="drop")
        visitor = Visitor(second, made["url"])
        place, size = begun(visitor, 8 * 2**20), 5 * 2**20
        cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        headers = {**BYTES, "Upload-Offset": "0", "Content-Length": str(8 * 2**20), "Cookie": cookie}
        with second.connect() as sender:
            sender.sendall(head_of("PATCH", f"{visitor.path}{place}", headers))
            sender.sendall(bytes(size))
            wait_until(lambda: head(visitor, place).headers["Upload-Offset"] != "0")
            ann.call("shares.update", share_id=made["share_id"], changes={"state": "paused"})
            wait_until(lambda: second.state.uploads.taken == 0)
            assert b" 410 " in drained(sender)
        assert (files_of(ann), received(ann, made)) == ([], (0, 0))
        ann.call("shares.update", share_id=made["share_id"], changes={"state": "active"})
        offset = int(head(visitor, place).headers["Upload-Offset"])
        assert patch(visitor, place, offset, bytes(8 * 2**20 - offset)).status == 204
        assert received(ann, made) == (1, 8 * 2**20)


class Killed(BaseException):
    """The end of a process."""


def test_an_upload_whose_process_died_at_its_end_counts_once(served: Served, ann: Person) -> None:
    made = share(ann, kind="drop", path="inbox", max_files_per_address=2)
    visitor, core = Visitor(served, made["url"]), served.core
    place = begun(visitor, 4)
    assert patch(visitor, place, 0, b"123").status == 204
    found = find_share(core, made["share_id"])
    assert found is not None
    upload = uploads_of(core).get_upload(place.removeprefix("/tus/"))
    with closing(Engine(core, uploads_of(core))) as engine:
        stream = Stream(engine, upload, 3)
        stream.write(b"4")
        brought = brought_of(stream.finish())

    def die(_: Upload) -> None:
        raise Killed

    with pytest.raises(Killed):
        finish_brought(core, found, Sender(visitor.cookies["files_sender"], "127.0.0.1"), brought, die)
    assert received(ann, made) == (1, 4)
    assert head(visitor, place).headers["Upload-Offset"] == "4"
    assert received(ann, made) == (1, 4)
    assert [(each["path"], each["status"]) for each in files_of(ann)] == [("inbox/a.bin", "uploaded")]
    # The address has one file left, not none.
    assert patch(visitor, begun(visitor, 1), 0, b"1").status == 204
    assert create(visitor, 1).json["error"]["details"] == {"field": "address"}


def test_an_upload_that_nobody_continues_expires_without_a_trace(tmp_path: Path) -> None:
    clock = Clock()
    with serving(replace(open_people(tmp_path), clock=clock)) as served:
        ann = register(served)
        visitor = Visitor(served, share(ann, kind="drop")["url"])
        place = begun(visitor, 4)
        assert patch(visitor, place, 0, b"123").status == 204
        clock.pass_seconds(25 * 3600)
        assert head(visitor, place).status == 410
        forget_looks(served.core)
        assert sweep_uploads(served.core)["expired_uploads"] == 1
        assert head(visitor, place).status == 404
        assert files_of(ann) == []
