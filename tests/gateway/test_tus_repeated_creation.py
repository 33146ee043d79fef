"""Creations by tus that have a request id: repeated, they name one upload, and none of its bytes is lost."""

from __future__ import annotations

import base64
import hashlib
import socket
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from typing import Any

import orjson
import pytest

from files_service.gateway.doors.tus import door
from tests.gateway.serving import Served, head_of, wait_until
from tests.gateway.tus import BYTES, CONTENT, checksum, content_of, create, file_id_of, made, metadata, offset_of, patch


@pytest.fixture
def request_id() -> str:
    """An id that no other test has used."""
    return token_hex(8)


def said(request_id: str, **more: str) -> dict[str, Any]:
    return {"Upload-Metadata": metadata(filename=request_id, request_id=request_id, **more)}


def beginning(served: Served, request_id: str) -> bytes:
    """The head of a creation that brings all bytes."""
    length = str(len(CONTENT))
    return head_of("POST", "/tus/", {**BYTES, **said(request_id), "Upload-Length": length, "Content-Length": length})


def count_of(served: Served, request_id: str) -> int:
    listed = served.result("files.list", owner="ann", filter={"name": request_id}, with_total=True)
    return len(listed["files"])


def digest(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def test_the_last_byte_is_answered_with_the_digest(served: Served) -> None:
    assert create(served, 5, b"whole").headers["Repr-Digest"] == digest(b"whole")
    url = made(served, 10)
    assert "Repr-Digest" not in patch(served, url, 0, b"01234").headers
    assert patch(served, url, 5, b"56789").headers["Repr-Digest"] == digest(b"0123456789")
    # Also to who lost the answer.
    assert patch(served, url, 10, b"").headers["Repr-Digest"] == digest(b"0123456789")


def test_a_repeated_creation_makes_no_second_file(served: Served, request_id: str) -> None:
    first = create(served, 5, b"whole", **said(request_id))
    again = create(served, 5, b"whole", **said(request_id))
    assert again.status == first.status == 201
    for name in ("Location", "Upload-Offset", "Repr-Digest"):
        assert again.headers[name] == first.headers[name]
    assert count_of(served, request_id) == 1
    assert create(served, 5, b"other", **said(token_hex(8))).headers["Location"] != first.headers["Location"]


def test_a_repeated_creation_goes_on_where_the_bytes_end(served: Served, request_id: str) -> None:
    url = made(served, len(CONTENT), **said(request_id))
    patch(served, url, 0, CONTENT[:300_000])
    # Too late for its bytes: they are not taken from the beginning again.
    again = create(served, len(CONTENT), CONTENT[:400_000], **said(request_id))
    assert (again.status, again.headers["Location"], again.headers["Upload-Offset"]) == (201, url, "300000")
    assert patch(served, url, 300_000, CONTENT[300_000:]).headers["Repr-Digest"] == digest(CONTENT)
    assert content_of(served, url) == CONTENT


def test_a_creation_without_bytes_may_be_repeated_with_them(served: Served, request_id: str) -> None:
    url = made(served, 5, **said(request_id))
    again = create(served, 5, b"whole", **said(request_id))
    assert (again.headers["Location"], again.headers["Upload-Offset"]) == (url, "5")
    assert again.headers["Repr-Digest"] == digest(b"whole")


def test_the_id_is_that_of_files_upload(served: Served, request_id: str) -> None:
    declared = served.result(
        "files.upload",
        owner="ann",
        name=request_id,
        parts=[{"size": 5, "content_type": "application/octet-stream"}],
        request_id=request_id,
    )
    url = create(served, 5, b"whole", **said(request_id)).headers["Location"]
    assert file_id_of(url) == declared["file_id"]
    assert served.result("files.info", file_id=declared["file_id"])["status"] == "uploaded"


def test_another_file_of_the_same_id_is_refused(served: Served, request_id: str) -> None:
    made(served, 5, **said(request_id))
    reply = create(served, 6, b"longer", **said(request_id))
    assert (reply.status, orjson.loads(reply.body)["error"]["details"]["field"]) == (409, "request_id")


def test_bytes_before_a_break_stay_where_the_creation_can_be_repeated(served: Served, request_id: str) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as raw:
        raw.sendall(beginning(served, request_id) + CONTENT[:5_000_000])
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(65_536):
            pass
    again = create(served, len(CONTENT), **said(request_id))
    url = again.headers["Location"]
    wait_until(lambda: offset_of(served, url) == 5_000_000)
    assert patch(served, url, 5_000_000, CONTENT[5_000_000:]).headers["Repr-Digest"] == digest(CONTENT)
    assert count_of(served, request_id) == 1


@pytest.mark.parametrize("headers", [{}, {"Upload-Concat": "partial", "Upload-Length": "5"}])
def test_an_id_without_a_file_of_known_size_is_refused(
    served: Served, request_id: str, headers: dict[str, Any]
) -> None:
    reply = create(served, None if not headers else 5, **said(request_id), **headers)
    assert reply.status == 400
    assert list(orjson.loads(reply.body)["error"]["details"]["fields"]) == ["request_id"]


def test_meta_comes_with_the_creation(served: Served, request_id: str) -> None:
    url = made(served, 5, **said(request_id, meta='{"card_session": "x"}'))
    assert served.result("files.info", file_id=file_id_of(url))["meta"] == {"card_session": "x"}


@pytest.mark.parametrize("meta", ["[1]", "{", '"text"'])
def test_meta_must_be_an_object(served: Served, request_id: str, meta: str) -> None:
    reply = create(served, 5, **said(request_id, meta=meta))
    assert reply.status == 400
    assert "meta" in str(orjson.loads(reply.body)["error"]["details"])


def test_other_bytes_of_the_same_id_are_refused_where_they_have_a_checksum(served: Served, request_id: str) -> None:
    create(served, 5, b"hello", **said(request_id))
    for name, value in (("Repr-Digest", digest(b"world")), ("Upload-Checksum", checksum(b"world", "sha256"))):
        reply = create(served, 5, b"world", **said(request_id), **{name: value})
        assert (reply.status, orjson.loads(reply.body)["error"]["details"]["field"]) == (409, "request_id")
    assert create(served, 5, b"hello", **said(request_id), **{"Repr-Digest": digest(b"hello")}).status == 201


def test_a_version_has_no_id(served: Served, request_id: str) -> None:
    file_id = file_id_of(create(served, 5, b"first").headers["Location"])
    served.result("files.process", file_id=file_id)
    reply = create(served, 6, b"second", **said(request_id, version_of=file_id))
    assert reply.status == 400
    assert list(orjson.loads(reply.body)["error"]["details"]["fields"]) == ["request_id"]


def test_an_empty_id_is_refused(served: Served) -> None:
    reply = create(served, 5, b"whole", **said(""))
    assert (reply.status, orjson.loads(reply.body)["error"]["code"]) == (400, "bad_request")


def test_a_repetition_completes_what_could_not_be_completed(
    served: Served, request_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(door, "complete_if_all_there", fail)
        assert create(served, 5, b"whole", **said(request_id)).status >= 500
    again = create(served, 5, b"whole", **said(request_id))
    assert (again.status, again.headers["Repr-Digest"]) == (201, digest(b"whole"))
    assert served.result("files.info", file_id=file_id_of(again.headers["Location"]))["status"] == "uploaded"


def test_a_repetition_beside_a_connection_that_still_stands_has_the_address(served: Served, request_id: str) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as raw:
        raw.sendall(beginning(served, request_id) + CONTENT[:300_000])
        # It comes into memory, and is stored when the next connection takes the place of this one.
        wait_until(lambda: bool(served.state.uploads.taken))
        replies = [create(served, len(CONTENT), CONTENT, **said(request_id))]
        while replies[-1].status == 409:
            replies.append(create(served, len(CONTENT), CONTENT, **said(request_id)))
    assert {orjson.loads(each.body)["error"]["code"] for each in replies[:-1]} <= {"busy"}
    url, offset = replies[-1].headers["Location"], int(replies[-1].headers["Upload-Offset"])
    if offset < len(CONTENT):
        assert patch(served, url, offset, CONTENT[offset:]).status == 204
    assert content_of(served, url) == CONTENT


def test_identical_creations_at_the_same_time_are_one(served: Served, request_id: str) -> None:
    said_once = said(request_id, path=f"d/{request_id}", on_conflict="fail")
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: create(served, 5, b"whole", **said_once), range(4)))
    assert {orjson.loads(each.body)["error"]["code"] for each in replies if each.status != 201} <= {"busy"}
    assert len({each.headers["Location"] for each in replies if each.status == 201}) == 1
    assert count_of(served, request_id) == 1
