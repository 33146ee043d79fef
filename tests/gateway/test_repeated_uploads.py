"""Whole files in one request over a network that loses answers: repeated by its request id, one makes one file."""

from __future__ import annotations

import hashlib
from secrets import token_hex
from typing import Any

import pytest

from files_service.services.uploads.whole import WHOLE_BYTES
from tests.cores import at_once
from tests.gateway.owners import bearer, processed_bytes
from tests.gateway.serving import Reply, Served
from tests.gateway.tus import BYTES, TUS, metadata, offset_of, patch

SIZES = [0, 5, WHOLE_BYTES, WHOLE_BYTES + 1]


@pytest.fixture
def request_id() -> str:
    """An id that no other test has used."""
    return token_hex(8)


def send(served: Served, request_id: str, content: bytes, more: str = "", **headers: str) -> Reply:
    path = f"/api/files/upload?name={request_id}&request_id={request_id}{more}"
    return served.request("POST", path, content, {**bearer("ann"), "Content-Type": "text/plain", **headers})


def count_of(served: Served, request_id: str) -> int:
    return len(served.result("files.list", owner="ann", filter={"name": request_id})["files"])


def conflict_of(reply: Reply) -> Any:
    assert reply.status == 409, reply.body
    return reply.json["error"]["details"]


@pytest.mark.parametrize("size", SIZES)
def test_a_repeated_request_is_answered_with_the_file(served: Served, request_id: str, size: int) -> None:
    content = b"x" * size
    first, again = (send(served, request_id, content) for _ in range(2))
    assert (first.status, again.status) == (201, 201), again.body
    assert again.json["file_id"] == first.json["file_id"]
    assert again.headers["Location"] == first.headers["Location"]
    served.result("files.process", file_id=first.json["file_id"])
    assert send(served, request_id, content).json["status"] == "processed"
    assert count_of(served, request_id) == 1
    assert processed_bytes(served, first.json["file_id"]) == content


@pytest.mark.parametrize("size", SIZES[1:])
def test_other_bytes_under_the_same_id_are_refused(served: Served, request_id: str, size: int) -> None:
    content, other = b"x" * size, b"y" * size
    assert send(served, request_id, content).status == 201
    digest = f"&sha256={hashlib.sha256(other).hexdigest()}"
    assert conflict_of(send(served, request_id, other, digest))["field"] == "request_id"
    assert conflict_of(send(served, request_id, content + b"z"))["field"] == "request_id"
    if size <= WHOLE_BYTES:
        assert conflict_of(send(served, request_id, other)) == {"field": "request_id"}
    assert count_of(served, request_id) == 1


@pytest.mark.parametrize("size", SIZES)
def test_requests_at_once_make_one_file(served: Served, request_id: str, size: int) -> None:
    content = b"x" * size
    replies = at_once(4, lambda _: send(served, request_id, content))
    # One whose place another has taken is told so.
    assert {reply.status for reply in replies} <= {201, 409}
    last = send(served, request_id, content)
    assert last.status == 201
    assert count_of(served, request_id) == 1
    served.result("files.process", file_id=last.json["file_id"])
    assert processed_bytes(served, last.json["file_id"]) == content


def test_a_wrong_checksum_leaves_the_id_free(served: Served, request_id: str) -> None:
    for size in SIZES[1:]:
        named, content = f"{request_id}{size}", b"x" * size
        wrong = send(served, named, content[1:] + b"y", f"&sha256={hashlib.sha256(content).hexdigest()}")
        assert wrong.json["error"]["code"] == "part_mismatch"
        assert send(served, named, content).status == 201


def test_bytes_of_another_door_are_not_lost(served: Served, request_id: str) -> None:
    content = b"0123456789" * WHOLE_BYTES
    said = {"Upload-Metadata": metadata(filename=request_id, filetype="text/plain", request_id=request_id)}
    url = served.request("POST", "/tus/", None, {**TUS, **said, "Upload-Length": str(len(content))}).headers["Location"]
    assert patch(served, url, 0, content[:100_000]).status == 204
    place = conflict_of(send(served, request_id, content))
    assert place == {"field": "request_id", "upload_id": url.rpartition("/")[2], "offset": 100_000}
    assert offset_of(served, url) == 100_000
    assert patch(served, url, 100_000, content[100_000:]).status == 204
    assert send(served, request_id, content).json["file_id"] == url.rpartition("/")[2].partition("-")[0]


@pytest.mark.parametrize("size", [5, WHOLE_BYTES + 1])
def test_what_one_request_has_brought_is_known_at_the_other_doors(served: Served, request_id: str, size: int) -> None:
    content = b"x" * size
    file_id = send(served, request_id, content).json["file_id"]
    said = {"Upload-Metadata": metadata(filename=request_id, filetype="text/plain", request_id=request_id)}
    reply = served.request("POST", "/tus/", content, {**BYTES, **said, "Upload-Length": str(size)})
    declared = served.result(
        "files.upload",
        owner="ann",
        name=request_id,
        request_id=request_id,
        parts=[{"size": size, "content_type": "text/plain"}],
    )
    assert declared["file_id"] == file_id
    if size > WHOLE_BYTES:
        assert reply.headers["Location"].endswith(f"{file_id}-p0")
    else:
        assert (reply.status, reply.json["error"]["details"]) == (410, {"file_id": file_id})
    assert count_of(served, request_id) == 1


def test_a_body_of_unknown_length_has_no_id(served: Served, request_id: str) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nwhole\r\n--x--\r\n'
    reply = send(served, request_id, form, **{"Content-Type": "multipart/form-data; boundary=x"})
    assert (reply.status, list(reply.json["error"]["details"]["fields"])) == (400, ["request_id"])
