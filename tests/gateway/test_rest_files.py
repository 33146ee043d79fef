"""``/api/files``: whole files in one request, lists, bytes, access."""

from __future__ import annotations

import hashlib
import json
import random
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.cores import sqlite_core
from tests.gateway.owners import bearer
from tests.gateway.serving import Reply, Served, serving, wait_until

CONTENT = random.Random(3).randbytes(5 * 2**20 + 3)
ANN = bearer("ann")
BOB = bearer("bob")


def send(served: Served, content: bytes = CONTENT, query: str = "?name=clip.bin", **headers: str) -> Reply:
    return served.request("POST", f"/api/files/upload{query}", content, {**ANN, **headers})


def processed(served: Served, content: bytes = CONTENT, query: str = "?name=clip.bin", **headers: str) -> Any:
    reply = send(served, content, query, **headers)
    assert reply.status == 201, reply.body
    return served.result("files.process", file_id=reply.json["file_id"])


def form(*fields: tuple[str, str | None, bytes], boundary: str = "limit") -> tuple[bytes, dict[str, str]]:
    body = b""
    for name, filename, content in fields:
        shown = f'; filename="{filename}"' if filename is not None else ""
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{shown}\r\n\r\n'.encode()
        body += content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}", **ANN}


def uploads_left(served: Served) -> int:
    return len(served.core.metadata.open_uploads("ann", limit=1_000))  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [0, 1, 100_000, len(CONTENT)])
def test_a_raw_body_becomes_a_file(served: Served, size: int) -> None:
    reply = send(served, CONTENT[:size], "?name=a%20b.mp4&access=public&tags=One,two", **{"Content-Type": "video/mp4"})
    assert reply.status == 201
    record = reply.json
    assert reply.headers["Location"] == f"/api/files/{record['file_id']}"
    assert (record["name"], record["access"], record["tags"]) == ("a b.mp4", "public", ["one", "two"])
    assert (record["status"], record["size"], record["content_type"]) == ("uploaded", size, "video/mp4")


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_body_and_a_form_bring_meta(served: Served, size: int) -> None:
    meta = {"description": "at sea", "pages": ["x" * 30_000]}
    reply = send(served, CONTENT[:size], f"?name=a&meta={quote(json.dumps(meta | {'pages': 3}))}")
    assert reply.json["meta"] == meta | {"pages": 3}
    body, headers = form(("meta", None, json.dumps(meta).encode()), ("file", "a", CONTENT[:size]))
    assert served.request("POST", "/api/files/upload", body, headers).json["meta"] == meta
    for wrong in (b"[]", b"{", b'{"description": 3}', b'{"a": "%s"}' % (b"x" * 65_536)):
        body, headers = form(("meta", None, wrong), ("file", "a", CONTENT[:size]))
        reply = served.request("POST", "/api/files/upload", body, headers)
        assert (reply.status, reply.json["error"]["message"][:5]) == (400, "meta:"), reply.body
    assert uploads_left(served) == 0


@pytest.mark.parametrize("size", [0, 1, len(CONTENT)])
def test_a_form_becomes_a_file(served: Served, size: int) -> None:
    body, headers = form(("access", None, b"unlisted"), ("tags", None, b"a, b"), ("file", "clip.bin", CONTENT[:size]))
    reply = served.request("POST", "/api/files/upload", body, headers)
    assert reply.status == 201, reply.body
    assert (reply.json["name"], reply.json["access"], reply.json["tags"]) == ("clip.bin", "unlisted", ["a", "b"])
    record = served.result("files.process", file_id=reply.json["file_id"])
    assert record["parts"][0]["sha256"] == hashlib.sha256(CONTENT[:size]).hexdigest()


@pytest.mark.parametrize(
    ("query", "headers", "status", "code", "field"),
    [
        ("", {}, 400, "bad_request", "name"),
        ("?name=a&nonsense=1", {}, 400, "bad_request", "nonsense"),
        ("?name=a&access=all", {}, 400, "bad_request", "access"),
        ("?name=a%00b", {}, 400, "bad_request", "name"),
        ("?name=a&sha256=" + "0" * 64, {}, 409, "part_mismatch", ""),
        ("?name=a", {"Authorization": "Bearer no"}, 401, "unauthorized", "Authorization"),
        ("?name=a", bearer("ann", ttl_seconds=-1), 401, "unauthorized", "Authorization"),
        ("?name=a", {"Content-Encoding": "gzip"}, 415, "unsupported_type", "Content-Encoding"),
    ],
)
def test_what_is_wrong_is_refused_and_leaves_nothing(
    served: Served, query: str, headers: dict[str, str], status: int, code: str, field: str
) -> None:
    before, count = uploads_left(served), served.result("files.count", owner="ann")["total"]
    reply = send(served, CONTENT, query, **headers)
    assert (reply.status, reply.code) == (status, code)
    assert reply.fields == ([field] if field else [])
    assert uploads_left(served) == before
    assert served.result("files.count", owner="ann")["total"] == count


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("as_form", [False, True])
def test_a_body_beyond_the_limit_is_refused_and_the_resumable_doors_are_named(
    tmp_path: Path, chunked: bool, as_form: bool
) -> None:
    with serving(sqlite_core(tmp_path, form_upload_bytes=300_000)) as served:
        body, headers = form(("file", "a", CONTENT[:900_000])) if as_form else (CONTENT[:900_000], ANN)
        head = "POST /api/files/upload?name=a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if chunked:
            head, body = head + "Transfer-Encoding: chunked\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        else:
            head += f"Content-Length: {len(body)}\r\n"
        answer = served.talk(f"{head}\r\n".encode() + body)
        assert answer.startswith(b"HTTP/1.1 413"), answer[:300]
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["details"]["doors"] == ["/tus/", "/ws/upload"]
        assert uploads_left(served) == 0
        assert served.result("files.count", owner="ann")["total"] == 0


def test_a_body_that_breaks_off_leaves_nothing(served: Served) -> None:
    before = served.result("files.count", owner="ann")["total"]
    with served.connect() as connection:
        token = ANN["Authorization"]
        head = (
            f"POST /api/files/upload?name=a HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Length: 999999\r\n"
        )
        connection.sendall(f"{head}\r\n".encode() + CONTENT[:500_000])
        wait_until(lambda: served.state.uploads.taken == 1)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1_000)
    wait_until(lambda: served.state.uploads.taken == 0 and uploads_left(served) == 0)
    assert served.result("files.count", owner="ann")["total"] == before


def test_the_bytes_come_back_whole_in_ranges_and_conditionally(served: Served) -> None:
    record = processed(served, query="?name=caf%C3%A9%20clip.mp4")
    address = f"/api/files/{record['file_id']}/download"
    whole = served.request("GET", address, headers=ANN)
    assert whole.status == 200
    assert whole.body == CONTENT
    assert whole.headers["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    disposition = "attachment; filename=\"cafe clip.mp4\"; filename*=UTF-8''caf%C3%A9%20clip.mp4"
    assert whole.headers["Content-Disposition"] == disposition
    shown = served.request("GET", f"{address}?inline=1", headers=ANN).headers["Content-Disposition"]
    assert shown == disposition, "only types with a preview are inline"
    for start, end in [(0, 0), (4_194_300, 4_194_310), (2**20, len(CONTENT) - 1), (len(CONTENT) - 1, 2**40)]:
        part = served.request("GET", address, headers={**ANN, "Range": f"bytes={start}-{end}"})
        assert (part.status, part.body) == (206, CONTENT[start : end + 1])
    not_modified = served.request("GET", address, headers={**ANN, "If-None-Match": whole.headers["ETag"]})
    assert (not_modified.status, not_modified.body) == (304, b"")
    beyond = served.request("GET", address, headers={**ANN, "Range": f"bytes={len(CONTENT)}-"})
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{len(CONTENT)}")
    assert served.request("GET", f"{address}?part=p7", headers=ANN).status == 404
    head = served.request("HEAD", address, headers=ANN)
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(CONTENT)))


def test_access_decides_who_reads(served: Served) -> None:
    record = processed(served, b"content")
    address = f"/api/files/{record['file_id']}"

    def statuses() -> list[list[int]]:
        paths = [address, f"{address}/download", f"{address}/manifest"]
        return [[served.request("GET", path, headers=who).status for path in paths] for who in (ANN, BOB, {})]

    assert statuses() == [[200] * 3, [403] * 3, [401] * 3]
    refused = served.request(
        "PUT", f"{address}/access", b'{"access":"public"}', {**BOB, "Content-Type": "application/json"}
    )
    assert (refused.status, refused.code) == (403, "forbidden")
    reply = served.request(
        "PUT", f"{address}/access", b'{"access":"unlisted"}', {**ANN, "Content-Type": "application/json"}
    )
    assert (reply.status, reply.json["access"]) == (200, "unlisted")
    assert statuses() == [[200] * 3] * 3
    assert "grantees" not in served.request("GET", address).json
    assert served.request("GET", "/api/files", headers={}).status == 401
    served.request("PUT", f"{address}/access", b'{"access":"private"}', {**ANN, "Content-Type": "application/json"})
    assert statuses() == [[200] * 3, [403] * 3, [401] * 3]
    assert served.request("DELETE", address, headers=BOB).status == 403
    assert served.request("DELETE", address, headers=ANN).json["removed"] is True
    assert served.request("DELETE", address, headers=ANN).json["removed"] is True
    assert statuses() == [[404] * 3, [404] * 3, [401] * 3]


def test_lists_are_the_owners_and_take_the_parameters_of_files_list(served: Served) -> None:
    carl = bearer("carl")
    for number in range(3):
        served.request("POST", f"/api/files/upload?name=f{number}&tags=t{number}", b"x" * number, carl)

    def names(query: str) -> list[str]:
        reply = served.request("GET", f"/api/files{query}", headers=carl)
        assert reply.status == 200, reply.body
        return [each["name"] for each in reply.json["files"]]

    assert sorted(names("")) == ["f0", "f1", "f2"]
    assert names("?order_by=name&order=asc&limit=2") == ["f0", "f1"]
    assert names("?tags=t1") == ["f1"]
    assert names("?filter=%7B%22size%22%3A%7B%22gte%22%3A2%7D%7D") == ["f2"]
    assert served.request("GET", "/api/files?with_total=1&limit=1", headers=carl).json["total"] == 3
    for query in ("?limit=x", "?limit=-1", "?limit=101", "?nonsense=1", "?filter=x", "?with_total=maybe"):
        assert served.request("GET", f"/api/files{query}", headers=carl).status == 400, query


def test_the_manifest_lists_the_chunks(served: Served) -> None:
    record = processed(served)
    manifest = served.request("GET", f"/api/files/{record['file_id']}/manifest", headers=ANN).json
    cut = 4 * 2**20
    assert [(each["slice_start"], each["size"]) for each in manifest["chunks"]] == [(0, cut), (cut, len(CONTENT) - cut)]
    assert manifest["chunks"][0]["object_id"] == hashlib.sha256(CONTENT[:cut]).hexdigest()
    assert (manifest["_id"], manifest["upload_size"]) == (record["file_id"], len(CONTENT))


def test_pages_of_other_origins_may_use_it(served: Served) -> None:
    reply = served.request("OPTIONS", "/api/files/upload", headers={"Origin": "https://example.com"})
    assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert "Authorization" in reply.headers["Access-Control-Allow-Headers"]


def test_a_file_that_is_processed_soon_asks_to_come_again(served: Served) -> None:
    made = served.request("POST", "/api/files/upload?name=a", b"abc", bearer("ann")).json
    path = f"/api/files/{made['file_id']}/download"
    early = served.request("GET", path, headers=bearer("ann"))
    assert (early.status, early.code, early.headers["Retry-After"]) == (503, "wrong_status", "1")
    assert early.error["details"]["status"] == "uploaded"
    served.result("files.process", file_id=made["file_id"])
    assert served.request("GET", path, headers=bearer("ann")).body == b"abc"
    pending = served.result("files.upload", owner="ann", name="a", parts=[{"size": 1}])
    never = served.request("GET", f"/api/files/{pending['file_id']}/download", headers=bearer("ann"))
    assert (never.status, never.code) == (412, "wrong_status")
