"""Files in chunks at ``/file``: ordinary files, whose chunks have places."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.owners import bearer, processed_bytes
from tests.gateway.serving import Reply, Served, serving
from tests.nodes.pings import core_of_nodes

CHUNK = 1_024
CONTENT = bytes(range(256)) * 10
ANN, BOB = bearer("ann"), bearer("bob")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(core_of_nodes(tmp_path, chunk_bytes=CHUNK, free_disk_bytes=0)) as served:
        yield served


def post(served: Served, path: str, said: dict[str, Any], headers: dict[str, str] = ANN) -> Reply:
    return served.request("POST", path, json.dumps(said).encode(), {**headers, "Content-Type": "application/json"})


def put(served: Served, path: str, body: bytes, headers: dict[str, str] = ANN) -> Reply:
    return served.request("POST", path, body, {**headers, "Content-Type": "application/octet-stream"})


def begun(served: Served, **said: Any) -> str:
    reply = post(served, "/file", {"name": "clip.bin", **said})
    assert reply.status == 201, reply.body
    assert reply.headers["Location"] == f"/file/{reply.json['id']}"
    return str(reply.json["id"])


def pieces() -> list[bytes]:
    return [CONTENT[start : start + CHUNK] for start in range(0, len(CONTENT), CHUNK)]


def uploaded(served: Served) -> str:
    file_id = begun(served, size=len(CONTENT))
    for order, piece in reversed(list(enumerate(pieces()))):
        assert put(served, f"/file/{file_id}?order={order}", piece).status == 201
    return file_id


def chunks(served: Served, file_id: str, query: str = "", headers: dict[str, str] = ANN) -> Any:
    reply = served.request("GET", f"/file/{file_id}{query}", headers=headers)
    assert reply.status == 200, reply.body
    return reply.json


def test_a_beginning_whose_answer_was_lost_is_repeated_by_its_request_id(served: Served) -> None:
    said = {"name": "clip.bin", "size": 3, "request_id": "begun once"}
    file_id = begun(served, **said)
    assert put(served, f"/file/{file_id}?order=0", b"abc").json["status"] == "uploaded"
    again = post(served, "/file", said).json
    assert (again["id"], again["received"], again["complete"]) == (file_id, 3, True)
    assert post(served, "/file", {**said, "size": 4}).json["error"]["details"]["field"] == "request_id"


def test_chunks_in_any_order_make_an_ordinary_file(served: Served) -> None:
    file_id = uploaded(served)
    assert served.result("files.process", file_id=file_id)["size"] == len(CONTENT)
    assert processed_bytes(served, file_id) == CONTENT


def test_a_file_is_shown_with_the_places_of_its_chunks(served: Served) -> None:
    file_id = uploaded(served)
    found = chunks(served, file_id)
    assert (found["id"], found["name"], found["uploaded_at"] is not None) == (file_id, "clip.bin", True)
    hashes = [hashlib.sha256(piece).hexdigest() for piece in pieces()]
    shown = [{name: each[name] for name in ("id", "order", "size", "location", "unknown")} for each in found["chunks"]]
    assert shown == [
        {"id": name, "order": order, "size": len(piece), "location": ["memory"], "unknown": []}
        for order, (name, piece) in enumerate(zip(hashes, pieces(), strict=True))
    ]
    page = chunks(served, file_id, "?start=1024&limit=1")
    assert ([each["order"] for each in page["chunks"]], page["next_start"]) == ([1], 2_048)


def test_readers_who_are_not_the_owner_see_no_places(served: Served) -> None:
    file_id = uploaded(served)
    served.result("files.process", file_id=file_id)
    served.result("files.access", file_ids=[file_id], access="public")
    for headers in (BOB, {}):
        found = chunks(served, file_id, headers=headers)
        assert [set(each) for each in found["chunks"]] == [{"id", "order", "offset", "size"}] * len(pieces())
    assert chunks(served, file_id)["chunks"][0]["location"] == ["memory"]


def test_chunks_that_the_owner_has_stored_are_described_instead_of_sent(served: Served) -> None:
    uploaded(served)
    file_id = begun(served)
    for order, piece in enumerate(pieces()):
        said = {"order": order, "size": len(piece), "hash": hashlib.sha256(piece).hexdigest()}
        reply = post(served, f"/file/{file_id}", said)
        assert (reply.status, reply.json["received"]) == (201, min(len(CONTENT), (order + 1) * CHUNK))
    assert post(served, f"/file/{file_id}", {"complete": True}).json["complete"]
    served.result("files.process", file_id=file_id)
    assert processed_bytes(served, file_id) == CONTENT


def test_chunks_of_another_owner_and_of_another_size_must_be_sent(served: Served) -> None:
    file_id = uploaded(served)
    piece = pieces()[0]
    said = {"order": 0, "size": CHUNK, "hash": hashlib.sha256(piece).hexdigest()}
    foreign = post(served, "/file", {"name": "x", "size": CHUNK}, BOB).json["id"]
    assert post(served, f"/file/{foreign}", said, BOB).status == 404
    for size in (CHUNK - 1, 1, 0):
        assert post(served, f"/file/{begun(served)}", {**said, "size": size}).status == 404
    # The bytes that others have under this hash are as they were.
    served.result("files.process", file_id=file_id)
    assert processed_bytes(served, file_id) == CONTENT


def test_a_file_without_a_size_is_complete_when_its_sender_says_so(served: Served) -> None:
    file_id = begun(served)
    for piece in pieces():
        assert put(served, f"/file/{file_id}", piece).json["complete"] is False
    done = post(served, f"/file/{file_id}", {"complete": True}).json
    assert (done["size"], done["complete"]) == (len(CONTENT), True)
    served.result("files.process", file_id=file_id)
    assert processed_bytes(served, file_id) == CONTENT


def test_an_empty_file_is_complete_at_once(served: Served) -> None:
    reply = post(served, "/file", {"name": "empty", "size": 0}).json
    assert (reply["complete"], reply["status"]) == (True, "uploaded")


def test_a_repeated_chunk_changes_nothing_and_other_bytes_are_refused(served: Served) -> None:
    file_id = begun(served, size=2 * CHUNK)
    for _ in range(2):
        assert put(served, f"/file/{file_id}?order=0", pieces()[0]).json["received"] == CHUNK
    assert put(served, f"/file/{file_id}?order=0", b"x" * CHUNK).status == 409


def test_strangers_learn_nothing_and_other_owners_may_not(served: Served) -> None:
    file_id = begun(served, size=len(CONTENT))
    absent = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    for method in ("GET", "POST"):
        replies = [
            served.request(method, f"/file/{name}", b"x" if method == "POST" else None) for name in (file_id, absent)
        ]
        assert [(reply.status, reply.code) for reply in replies] == [(401, "unauthorized")] * 2
    assert served.request("GET", f"/file/{file_id}", headers=BOB).status == 403
    assert put(served, f"/file/{file_id}", b"x", BOB).status == 404
    assert post(served, "/file", {"name": "x"}, {}).status == 401


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "name"),
        ({"name": 1}, "name"),
        ({"name": "a", "size": -1}, "size"),
        ({"name": "a", "more": 1}, "more"),
        ({"name": "a", "meta": []}, "meta"),
    ],
)
def test_a_wrong_declaration_is_named(served: Served, said: dict[str, Any], field: str) -> None:
    reply = post(served, "/file", said)
    assert (reply.status, reply.fields) == (400, [field])


def test_a_declaration_brings_meta(served: Served) -> None:
    file_id = begun(served, size=CHUNK, meta={"description": "at sea"})
    assert served.result("files.info", file_id=file_id)["meta"] == {"description": "at sea"}


def test_a_wrong_chunk_is_refused(served: Served) -> None:
    file_id = begun(served, size=2 * CHUNK)
    assert put(served, f"/file/{file_id}?order=0", b"x" * (CHUNK + 1)).status == 413
    assert put(served, f"/file/{file_id}?order=2", b"x").status == 413
    assert put(served, f"/file/{file_id}?order=0&hash={'0' * 64}", b"x" * CHUNK).status == 422
    assert post(served, f"/file/{file_id}", {"order": 0}).fields == ["body"]
    assert post(served, f"/file/{file_id}", {"order": 0, "size": 1, "hash": "x"}).fields == ["hash"]
