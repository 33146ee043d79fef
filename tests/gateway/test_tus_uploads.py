"""tus 1.0.0 as its specification words it, extension by extension."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from files_service.gateway.limits import Limits
from tests.cores import sqlite_core
from tests.gateway.owners import processed_bytes
from tests.gateway.serving import Served, serving, wait_until
from tests.gateway.tus import (
    BYTES,
    CONTENT,
    TUS,
    checksum,
    content_of,
    create,
    file_id_of,
    made,
    metadata,
    offset_of,
    patch,
)


def test_options_say_what_the_server_can_do(served: Served) -> None:
    reply = served.request("OPTIONS", "/tus/")
    assert reply.status == 204
    assert reply.headers["Tus-Version"] == reply.headers["Tus-Resumable"] == "1.0.0"
    assert set(reply.headers["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "checksum",
        "termination",
        "concatenation",
        "concatenation-unfinished",
        "expiration",
    }
    assert "sha1" in reply.headers["Tus-Checksum-Algorithm"].split(",")
    assert int(reply.headers["Tus-Max-Size"]) > 2**40
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "PATCH" in reply.headers["Access-Control-Allow-Methods"]
    assert "Upload-Offset" in reply.headers["Access-Control-Expose-Headers"]


def test_an_upload_in_pieces_of_any_size_becomes_the_file(served: Served) -> None:
    said: Any = metadata(filename="día.mp4", filetype="video/mp4", access="unlisted", tags="One,two")
    url = made(served, **{"Upload-Metadata": said})
    place = 0
    for size in (1, 4 * 2**20 - 1, 70_000, 5_000_000):
        reply = patch(served, url, place, CONTENT[place : place + size])
        place = min(len(CONTENT), place + size)
        assert (reply.status, reply.headers["Upload-Offset"]) == (204, str(place))
        head = served.request("HEAD", url, headers=TUS)
        assert (head.status, head.headers["Upload-Offset"], head.headers["Upload-Length"]) == (
            200,
            str(place),
            str(len(CONTENT)),
        )
        assert head.headers["Cache-Control"] == "no-store"
        assert head.headers["Upload-Metadata"] == said
    patch(served, url, place, CONTENT[place:])
    record = served.result("files.info", file_id=file_id_of(url))
    assert (record["status"], record["name"], record["access"]) == ("uploaded", "día.mp4", "unlisted")
    assert (record["content_type"], record["tags"]) == ("video/mp4", ["one", "two"])
    assert content_of(served, url) == CONTENT
    assert offset_of(served, url) == len(CONTENT)


def test_bytes_may_come_with_the_creation(served: Served) -> None:
    reply = create(served, len(CONTENT), CONTENT[:500_000])
    assert (reply.status, reply.headers["Upload-Offset"]) == (201, "500000")
    whole = create(served, 5, b"whole")
    assert whole.headers["Upload-Offset"] == "5"
    assert content_of(served, whole.headers["Location"]) == b"whole"
    empty = create(served, 0)
    assert served.result("files.info", file_id=file_id_of(empty.headers["Location"]))["status"] == "uploaded"


def test_the_length_may_be_said_later(served: Served) -> None:
    url = made(served, None)
    head = served.request("HEAD", url, headers=TUS)
    assert (head.headers["Upload-Defer-Length"], head.headers["Upload-Length"]) == ("1", None)
    assert patch(served, url, 0, CONTENT[:600_000]).status == 204
    assert patch(served, url, 600_000, b"", **{"Upload-Length": "500000"}).status == 409, "so much has come already"
    assert patch(served, url, 600_000, CONTENT[600_000:], **{"Upload-Length": str(len(CONTENT))}).status == 204
    assert content_of(served, url) == CONTENT
    known = made(served, None)
    patch(served, known, 0, b"", **{"Upload-Length": "10"})
    assert patch(served, known, 0, b"", **{"Upload-Length": "11"}).status == 409
    assert served.request("HEAD", known, headers=TUS).headers["Upload-Length"] == "10"


@pytest.mark.parametrize("name", ["sha1", "md5", "sha256", "sha512"])
def test_bytes_with_another_checksum_do_not_count(served: Served, name: str) -> None:
    url = made(served)
    body = CONTENT[: 5 * 2**20]
    wrong = patch(served, url, 0, body, **{"Upload-Checksum": checksum(b"other", name)})
    assert (wrong.status, wrong.code) == (460, "part_mismatch")
    assert offset_of(served, url) == 0
    assert patch(served, url, 0, body, **{"Upload-Checksum": checksum(body, name)}).status == 204
    rest = CONTENT[len(body) :]
    assert patch(served, url, len(body), rest, **{"Upload-Checksum": checksum(rest, name)}).status == 204
    assert content_of(served, url) == CONTENT


def test_a_declared_checksum_of_the_whole_is_compared_before_the_file_is_uploaded(served: Served) -> None:
    url = made(served, 5, **{"Upload-Metadata": metadata(filename="a", sha256=hashlib.sha256(b"right").hexdigest())})
    wrong = patch(served, url, 0, b"wrong")
    assert (wrong.status, wrong.code) == (409, "part_mismatch")
    assert offset_of(served, url) == 0, "the bytes were thrown away"
    assert patch(served, url, 0, b"right").status == 204
    assert content_of(served, url) == b"right"


@pytest.fixture(scope="module")
def short_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(sqlite_core(tmp_path_factory.mktemp("data"), upload_ttl_seconds=1)) as served:
        yield served


def test_an_upload_expires(short_lived: Served) -> None:
    reply = create(short_lived)
    assert reply.headers["Upload-Expires"].endswith("GMT")
    url = reply.headers["Location"]
    wait_until(lambda: short_lived.request("HEAD", url, headers=TUS).status == 410)
    assert patch(short_lived, url, 0, b"x").status == 410


def test_methods_may_be_overridden_where_only_post_gets_through(served: Served) -> None:
    url = made(served, 3)
    reply = served.request("POST", url, b"abc", {**BYTES, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"})
    assert (reply.status, reply.headers["Upload-Offset"]) == (204, "3")
    assert served.request("POST", url, b"", TUS).status == 405


def test_what_came_before_a_connection_broke_stays(served: Served) -> None:
    url = made(served)
    with served.connect() as connection:
        head = f"PATCH {url} HTTP/1.1\r\nHost: x\r\nUpload-Offset: 0\r\nContent-Length: {len(CONTENT)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in BYTES.items())
        connection.sendall(f"{head}\r\n".encode() + CONTENT[: 5 * 2**20])
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1_000)
    wait_until(lambda: offset_of(served, url) == 5 * 2**20)
    assert patch(served, url, 5 * 2**20, CONTENT[5 * 2**20 :]).status == 204
    assert content_of(served, url) == CONTENT


def test_a_request_that_comes_again_takes_over_from_one_that_hangs(served: Served) -> None:
    url = made(served)
    with served.connect() as hanging:
        head = f"PATCH {url} HTTP/1.1\r\nHost: x\r\nUpload-Offset: 0\r\nContent-Length: {len(CONTENT)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in BYTES.items())
        hanging.sendall(f"{head}\r\n".encode() + CONTENT[: 2**20])
        wait_until(lambda: served.state.uploads.taken == 1)
        reply = patch(served, url, 0, CONTENT[: 2**20])
        if reply.status == 409:
            offset = int(reply.error["details"]["offset"])
            assert patch(served, url, offset, CONTENT[offset:]).status == 204
        else:
            assert patch(served, url, 2**20, CONTENT[2**20 :]).status == 204
        assert b"409" in hanging.recv(100)
    assert content_of(served, url) == CONTENT
    wait_until(lambda: served.state.uploads.taken == 0)


def test_a_part_that_was_declared_by_upload_comes_by_tus(served: Served) -> None:
    declared = served.result(
        "files.upload", owner="ann", name="two.bin", parts=[{"size": 3}, {"size": len(CONTENT)}], request_id="two"
    )
    first = declared["parts"][0]["upload"]
    assert served.request("PUT", first["url"], b"abc", first["headers"]).status == 201
    url = f"/tus/{declared['file_id']}-p1"
    assert offset_of(served, url) == 0
    assert patch(served, url, 0, CONTENT).status == 204
    record = served.result("files.process", file_id=declared["file_id"])
    assert record["status"] == "processed"
    assert processed_bytes(served, declared["file_id"]) == b"abc" + CONTENT
    repeated = served.request(
        "PUT", declared["parts"][1]["upload"]["url"], CONTENT, declared["parts"][1]["upload"]["headers"]
    )
    assert repeated.status == 200, "the same bytes by another door"
    clone = served.result("files.clone", file_id=declared["file_id"], owner="bob")
    served.result("files.process", file_id=clone["file_id"])
    served.result("files.remove", file_id=declared["file_id"])
    served.result("files.sync")
    assert processed_bytes(served, clone["file_id"]) == b"abc" + CONTENT
    assert served.request("HEAD", f"/tus/{declared['file_id']}-p0", headers=TUS).status == 410


def test_a_sender_that_stalls_is_let_go_and_what_it_sent_stays(tmp_path: Path) -> None:
    with serving(sqlite_core(tmp_path), Limits(upload_idle_seconds=0.5)) as served:
        url = made(served)
        with served.connect() as connection:
            head = f"PATCH {url} HTTP/1.1\r\nHost: x\r\nUpload-Offset: 0\r\nContent-Length: {len(CONTENT)}\r\n"
            head += "".join(f"{name}: {value}\r\n" for name, value in BYTES.items())
            connection.sendall(f"{head}\r\n".encode() + CONTENT[:100_000])
            answer = connection.recv(1_000)
        assert answer.startswith(b"HTTP/1.1 408")
        wait_until(lambda: served.state.uploads.taken == 0 and served.state.engine()._senders == 0)
        assert offset_of(served, url) == 100_000


def test_a_finished_upload_leaves_no_hash_in_memory(served: Served) -> None:
    url = made(served, 3)
    patch(served, url, 0, b"abc")
    assert not [name for name in served.state.engine().hashes._known if name.startswith(file_id_of(url))]
