"""tus 1.0.0 as its specification words it, extension by extension."""

from __future__ import annotations

import base64
import hashlib
import random
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from files_service.gateway.limits import Limits
from tests.cores import sqlite_core
from tests.gateway.owners import bearer, processed_bytes
from tests.gateway.serving import Reply, Served, serving, wait_until

CONTENT = random.Random(9).randbytes(9 * 2**20 + 11)
TUS = {"Tus-Resumable": "1.0.0", **bearer("ann")}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
FINAL_SIZE = 600_000


def metadata(**pairs: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items())


def create(served: Served, length: int | None = len(CONTENT), body: bytes | None = None, **headers: Any) -> Reply:
    said = {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
    return served.request("POST", "/tus/", body, {**(TUS if body is None else BYTES), **said, **headers})


def made(served: Served, length: int | None = len(CONTENT), **headers: Any) -> str:
    reply = create(served, length, **headers)
    assert reply.status == 201, reply.body
    return reply.headers["Location"]


def patch(served: Served, url: str, offset: int, body: bytes, **headers: str) -> Reply:
    return served.request("PATCH", url, body, {**BYTES, "Upload-Offset": str(offset), **headers})


def offset_of(served: Served, url: str) -> int:
    return int(served.request("HEAD", url, headers=TUS).headers["Upload-Offset"])


def file_id_of(url: str) -> str:
    return url.rpartition("/")[2].partition("-")[0]


def checksum(data: bytes, name: str = "sha1") -> str:
    return f"{name} {base64.b64encode(hashlib.new(name, data).digest()).decode()}"


def content_of(served: Served, url: str) -> bytes:
    served.result("files.process", file_id=file_id_of(url))
    return processed_bytes(served, file_id_of(url))


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


def test_a_terminated_upload_is_gone(served: Served) -> None:
    url = made(served)
    patch(served, url, 0, CONTENT[:600_000])
    assert served.request("DELETE", url, headers=TUS).status == 204
    for method in ("HEAD", "PATCH", "DELETE"):
        reply = served.request(method, url, b"" if method == "PATCH" else None, {**BYTES, "Upload-Offset": "0"})
        assert reply.status == 410
    assert served.call("files.info", file_id=file_id_of(url)).status == 404


@pytest.mark.parametrize("unfinished", [False, True])
def test_partial_uploads_are_put_together(served: Served, unfinished: bool) -> None:
    cuts = [0, 3_000_000, 3_000_001, len(CONTENT)]
    pieces = [CONTENT[a:b] for a, b in pairwise(cuts)]
    urls = [made(served, len(piece), **{"Upload-Concat": "partial"}) for piece in pieces]
    said = f"final;{' '.join(urls)}"

    def finish() -> str:
        reply = served.request("POST", "/tus/", None, {**TUS, "Upload-Concat": said})
        assert reply.status == 201, reply.body
        return reply.headers["Location"]

    final = finish() if unfinished else ""
    if unfinished:
        head = served.request("HEAD", final, headers=TUS)
        assert (head.headers["Upload-Concat"], head.headers["Upload-Offset"]) == (said, None)
    for url, piece in zip(urls, pieces, strict=True):
        assert patch(served, url, 0, piece).status == 204
        assert served.request("HEAD", url, headers=TUS).headers["Upload-Concat"] == "partial"
        assert served.call("files.info", file_id=file_id_of(url)).status == 404, "a partial upload is no file"
    final = final or finish()
    assert content_of(served, final) == CONTENT
    head = served.request("HEAD", final, headers=TUS)
    assert (head.headers["Upload-Concat"], head.headers["Upload-Length"]) == (said, str(len(CONTENT)))
    assert patch(served, final, 0, b"x").status == 403


@pytest.mark.parametrize(
    "address",
    [
        "/tus/../tus/x",
        "/tus/01ARZ3NDEKTSV4RRFFQ69G5FAV-p0",
        "/blobs/x",
        "https://example.com/other/01ARZ3NDEKTSV4RRFFQ69G5FAV-p0",
        "/tus/..%2f..%2fsecrets",
        "/tus/%00",
        "",
        "x" * 5_000,
    ],
)
def test_only_ones_own_partial_uploads_can_be_put_together(served: Served, address: str) -> None:
    reply = served.request("POST", "/tus/", None, {**TUS, "Upload-Concat": f"final;{address}"})
    assert reply.status in (400, 404)
    whole = made(served)
    assert served.request("POST", "/tus/", None, {**TUS, "Upload-Concat": f"final;{whole}"}).status == 400
    foreign = served.request(
        "POST", "/tus/", None, {**TUS, **bearer("bob"), "Upload-Length": "1", "Upload-Concat": "partial"}
    ).headers["Location"]
    assert served.request("POST", "/tus/", None, {**TUS, "Upload-Concat": f"final;{foreign}"}).status == 404


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


BAD_PATCHES = [
    ({"Upload-Offset": "1"}, 409, "conflict"),
    ({"Upload-Offset": "-1"}, 400, "bad_request"),
    ({"Upload-Offset": "1e3"}, 400, "bad_request"),
    ({"Upload-Offset": "9" * 30}, 400, "bad_request"),
    ({"Upload-Offset": str(2**52)}, 413, "too_large"),
    ({"Content-Type": "text/plain"}, 415, "unsupported_type"),
    ({"Tus-Resumable": "0.2.2"}, 412, "bad_request"),
    ({"Upload-Checksum": "sha1 AAAA"}, 400, "bad_request"),
    ({"Upload-Checksum": "crc7 AAAA"}, 400, "bad_request"),
    ({"Upload-Checksum": "sha1 %%%"}, 400, "bad_request"),
    ({"Authorization": "Bearer x"}, 401, "unauthorized"),
    ({"Content-Encoding": "gzip"}, 415, "unsupported_type"),
    (bearer("bob"), 404, "not_found"),
    (bearer("ann", ttl_seconds=-5), 401, "unauthorized"),
]


@pytest.mark.parametrize(("headers", "status", "code"), BAD_PATCHES)
def test_a_bad_patch_is_refused_and_nothing_is_written(
    served: Served, headers: dict[str, str], status: int, code: str
) -> None:
    url = made(served)
    reply = patch(served, url, 0, CONTENT[:300_000], **headers)
    assert (reply.status, reply.code) == (status, code)
    assert reply.headers["Tus-Resumable"] == "1.0.0"
    assert offset_of(served, url) == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": str(2**53)}, 400),
        ({"Upload-Length": str(2**53 - 1)}, 413),
        ({"Upload-Length": "x"}, 400),
        ({"Upload-Defer-Length": "1"}, 400),
        ({"Upload-Defer-Length": "2"}, 400),
        ({"Upload-Metadata": "filename %%%"}, 400),
        ({"Upload-Metadata": "filename YQ==,filename Yg=="}, 400),
        ({"Upload-Metadata": metadata(access="everybody")}, 400),
        ({"Upload-Metadata": metadata(filename="x" * 2_000)}, 400),
        ({"Upload-Metadata": metadata(sha256="xyz")}, 400),
        ({"Upload-Concat": "half"}, 400),
        ({"Tus-Resumable": ""}, 412),
        ({"Authorization": ""}, 401),
    ],
)
def test_a_bad_creation_is_refused(served: Served, headers: dict[str, Any], status: int) -> None:
    before = served.result("files.count", owner="ann")["total"]
    reply = create(served, **headers)
    assert reply.status == status
    assert served.result("files.count", owner="ann")["total"] == before


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", "C:\\x", "a/../b"])
def test_a_name_that_is_a_path_is_a_name(served: Served, name: str) -> None:
    url = made(served, 1, **{"Upload-Metadata": metadata(filename=name)})
    assert patch(served, url, 0, b"x").status == 204
    served.result("files.process", file_id=file_id_of(url))
    download = served.request("GET", f"/api/files/{file_id_of(url)}/download", headers=TUS)
    assert "/" not in download.headers["Content-Disposition"].partition("filename=")[2].partition(";")[0]
    assert ".." not in download.headers["Content-Disposition"].partition('filename="')[2][:2]


def test_methods_may_be_overridden_where_only_post_gets_through(served: Served) -> None:
    url = made(served, 3)
    reply = served.request("POST", url, b"abc", {**BYTES, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"})
    assert (reply.status, reply.headers["Upload-Offset"]) == (204, "3")
    assert served.request("POST", url, b"", TUS).status == 405


def test_a_body_longer_than_the_upload_is_refused_before_it_is_read(served: Served) -> None:
    url = made(served, 10)
    reply = patch(served, url, 0, CONTENT)
    assert (reply.status, reply.code) == (413, "too_large")
    assert offset_of(served, url) == 0


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


def test_a_full_quota_or_disk_is_told_before_a_byte_is_taken(tmp_path: Path) -> None:
    with serving(sqlite_core(tmp_path / "a", owner_quota_bytes=1_000, owner_uploads=3)) as served:
        url = made(served, 600)
        assert create(served, 401).status == 507
        loose = made(served, None)
        assert patch(served, loose, 0, b"x" * 300).status == 204
        refused = patch(served, loose, 300, b"x" * 101)
        assert (refused.status, refused.code) == (507, "insufficient_storage")
        assert create(served, 101).status == 507
        made(served, 1)
        assert create(served, 1).error["details"] == {"field": "uploads", "limit": 3}
        assert served.request("DELETE", url, headers=TUS).status == 204
        assert create(served, 600).status == 201
    with serving(sqlite_core(tmp_path / "b", free_disk_bytes=2**53 - 1)) as served:
        refused = create(served, 1)
        assert (refused.status, refused.error["details"]["field"]) == (507, "disk")


def test_a_sender_that_stalls_is_let_go_and_what_it_sent_stays(tmp_path: Path) -> None:
    with serving(sqlite_core(tmp_path), Limits(upload_idle_seconds=0.5)) as served:
        url = made(served)
        with served.connect() as connection:
            head = f"PATCH {url} HTTP/1.1\r\nHost: x\r\nUpload-Offset: 0\r\nContent-Length: {len(CONTENT)}\r\n"
            head += "".join(f"{name}: {value}\r\n" for name, value in BYTES.items())
            connection.sendall(f"{head}\r\n".encode() + CONTENT[:100_000])
            answer = connection.recv(1_000)
        assert answer.startswith(b"HTTP/1.1 408")
        wait_until(lambda: served.state.uploads.taken == 0)
        assert served.state.engine()._senders == 0
        assert offset_of(served, url) == 100_000


def test_terminating_a_complete_upload_removes_its_file(served: Served) -> None:
    url = made(served, 3)
    patch(served, url, 0, b"abc")
    assert content_of(served, url) == b"abc"
    assert served.request("DELETE", url, headers=TUS).status == 204
    assert served.request("HEAD", url, headers=TUS).status == 410
    assert served.call("files.info", file_id=file_id_of(url)).status == 404


def test_a_part_that_has_arrived_is_not_torn_out_of_its_file(served: Served) -> None:
    parts = [{"size": 3, "type": "other", "content_type": "text/plain"}] * 2
    declared = served.result("files.upload", owner="ann", name="two", parts=parts)
    first, second = (f"/tus/{declared['file_id']}-p{number}" for number in range(2))
    assert patch(served, first, 0, b"abc").status == 204
    refused = served.request("DELETE", first, headers=TUS)
    assert (refused.status, refused.code) == (409, "conflict")
    assert patch(served, second, 0, b"d").status == 204
    assert served.request("DELETE", second, headers=TUS).status == 204
    assert patch(served, second, 0, b"def").status == 204
    assert served.result("files.process", file_id=declared["file_id"])["status"] == "processed"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"abcd", {}, 413),
        (b"abc", {"Upload-Checksum": checksum(b"other")}, 460),
        (b"abc", {"Upload-Checksum": "md4 AAAA"}, 400),
        (b"abc", {"Content-Encoding": "gzip"}, 415),
    ],
)
def test_a_creation_whose_bytes_are_refused_leaves_nothing(
    served: Served, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert create(served, 3, body, **bearer("carl"), **headers).status == status
    assert served.core.metadata.open_uploads("carl", limit=9) == []  # type: ignore[attr-defined]
    assert served.result("files.count", owner="carl")["total"] == 0


def test_a_finished_upload_leaves_no_hash_in_memory(served: Served) -> None:
    url = made(served, 3)
    patch(served, url, 0, b"abc")
    assert not [name for name in served.state.engine().hashes._known if name.startswith(file_id_of(url))]
