"""Files that visitors bring by tus over a network that loses answers: a repeated request makes no second file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cores import at_once
from tests.gateway.serving import Reply, Served, serving
from tests.gateway.tus import checksum, metadata
from tests.people.links import Visitor, share
from tests.people.persons import Person, open_people, register
from tests.people.test_drops import files_of
from tests.people.test_resumable_drops import TUS, create, head, patch

SECRET = "chosen-by-the-client-0123456789"


@pytest.fixture
def ann(served: Served) -> Person:
    """An owner who is signed in."""
    return register(served)


@pytest.fixture
def visitor(served: Served, ann: Person) -> Visitor:
    """A visitor of a link that takes three files, who keeps the cookie of a visit."""
    made = share(ann, kind="drop", path="inbox", max_files=3)
    return Visitor(served, made["url"], {"files_sender": SECRET})


def place_of(visitor: Visitor, reply: Reply) -> str:
    assert reply.status == 201, reply.body
    place: str = reply.headers["Location"].removeprefix(visitor.path)
    return place


def names_of(ann: Person) -> list[str]:
    return sorted(each["path"] for each in files_of(ann))


def test_a_whole_file_is_taken_once(ann: Person, visitor: Visitor) -> None:
    first, again = (create(visitor, 5, b"whole", request_id="r1") for _ in range(2))
    assert place_of(visitor, again) == place_of(visitor, first)
    assert again.headers["Upload-Offset"] == "5"
    assert names_of(ann) == ["inbox/a.bin"]
    assert create(visitor, 5, b"whole", request_id="r2").status == 201
    assert names_of(ann) == ["inbox/a (2).bin", "inbox/a.bin"]


@pytest.mark.parametrize("arrived", [0, 3])
def test_an_upload_that_was_begun_goes_on(ann: Person, visitor: Visitor, arrived: int) -> None:
    place = place_of(visitor, create(visitor, 5, None, request_id="r1"))
    if arrived:
        assert patch(visitor, place, 0, b"who").status == 204
    again = create(visitor, 5, b"whole", request_id="r1")
    assert place_of(visitor, again) == place
    # Bytes are taken where there are none yet.
    assert again.headers["Upload-Offset"] == ("3" if arrived else "5")
    if arrived:
        assert patch(visitor, place, 3, b"le").status == 204
    assert names_of(ann) == ["inbox/a.bin"]


def test_bytes_of_a_wrong_checksum_are_sent_again(ann: Person, visitor: Visitor) -> None:
    said = {"filename": "a.bin", "request_id": "r1"}
    headers = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Length": "5"}
    headers |= {"Upload-Metadata": metadata(**said), "Upload-Checksum": checksum(b"whole")}
    wrong = visitor.request("POST", "/tus/", b"wh_le", **headers)
    assert wrong.status == 460
    assert visitor.request("POST", "/tus/", b"whole", **headers).status == 201
    assert names_of(ann) == ["inbox/a.bin"]


def test_a_file_that_is_too_large_is_refused_before_its_first_byte(tmp_path: Path) -> None:
    with serving(open_people(tmp_path, max_part_bytes=10)) as small:
        visitor = Visitor(small, share(register(small), kind="drop")["url"])
        reply = create(visitor, 11)
        assert (reply.status, reply.json["error"]["details"]) == (413, {"field": "size", "limit": 10})
        assert create(visitor, 10).status == 201


def test_another_file_under_the_same_id_is_refused(visitor: Visitor) -> None:
    place_of(visitor, create(visitor, 5, None, request_id="r1"))
    for reply in (create(visitor, 6, None, request_id="r1"), create(visitor, 5, request_id="r1", filename="b.bin")):
        assert (reply.status, reply.json["error"]["details"]) == (409, {"field": "request_id"})
    for bad in ("", "x" * 101):
        reply = create(visitor, 5, None, request_id=bad)
        assert (reply.status, list(reply.json["error"]["details"]["fields"])) == (400, ["request_id"])


def test_an_upload_that_was_given_up_begins_anew(visitor: Visitor) -> None:
    place = place_of(visitor, create(visitor, 5, None, request_id="r1"))
    assert visitor.request("DELETE", place, None, **TUS).status == 204
    other = place_of(visitor, create(visitor, 5, None, request_id="r1"))
    assert other != place
    assert head(visitor, other).headers["Upload-Offset"] == "0"
    assert place_of(visitor, create(visitor, 5, None, request_id="r1")) == other


def test_requests_at_once_and_other_visits(served: Served, ann: Person, visitor: Visitor) -> None:
    replies = at_once(4, lambda _: create(visitor, 5, b"whole", request_id="r1"))
    places = {place_of(visitor, reply) for reply in replies if reply.status == 201}
    # One that is served at the same time may be told to come again.
    assert {reply.status for reply in replies} <= {201, 409}
    assert places == {place_of(visitor, create(visitor, 5, b"whole", request_id="r1"))}
    assert names_of(ann) == ["inbox/a.bin"]
    stranger = Visitor(served, visitor.link, {"files_sender": SECRET[::-1]})
    assert place_of(stranger, create(stranger, 5, b"whole", request_id="r1")) not in places
