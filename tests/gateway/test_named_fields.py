"""Errors of the doors name fields as the doors do, and no list in them is cut."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from storage_adapters import FIELDS
from tests.cores import memory_core
from tests.gateway.owners import bearer
from tests.gateway.serving import WAIT_SECONDS, Served, serving
from tests.gateway.slices import Talk, talk
from tests.gateway.tus import BYTES, TUS, metadata

JSON = {**bearer("ann"), "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway that takes pictures of up to 1 000 bytes."""
    data: Path = tmp_path_factory.mktemp("data")
    with serving(memory_core(data, max_part_bytes=1_000, allowed_content_types=("image/*",))) as served:
        yield served


def details(reply: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reply)["error"]["details"]
    return found


@pytest.mark.parametrize("size", [10, 2_000])
def test_limits_name_the_fields_of_the_doors(strict: Served, size: int) -> None:
    field = "size" if size > 1_000 else "content_type"
    kind = "image/png" if size > 1_000 else "text/plain"
    said = metadata(filename="a", filetype=kind)
    replies = [
        strict.request("POST", "/tus/", None, {**TUS, "Upload-Length": str(size), "Upload-Metadata": said}),
        strict.request("POST", "/api/files/upload?name=a", b"x" * size, {**bearer("ann"), "Content-Type": kind}),
    ]
    assert [details(reply.body)["field"] for reply in replies] == [field] * 2

    async def start(client: Talk) -> object:
        return (await client.ask(op="start", name="a", size=size, mime_type=kind))["details"]["field"]

    assert talk(strict.port, start) == field


def test_a_length_that_is_declared_later_is_limited_by_its_name(strict: Served) -> None:
    said = {"Upload-Defer-Length": "1", "Upload-Metadata": metadata(filename="a", filetype="image/png")}
    url = strict.request("POST", "/tus/", None, {**TUS, **said}).headers["Location"]
    reply = strict.request("PATCH", url, b"x", {**BYTES, "Upload-Offset": "0", "Upload-Length": "2000"})
    assert (reply.status, details(reply.body)["field"]) == (413, "size")

    other = {"Upload-Length": "900", "Upload-Metadata": metadata(filename="b", filetype="image/png")}
    url = strict.request("POST", "/tus/", None, {**TUS, **other}).headers["Location"]
    reply = strict.request("PATCH", url, b"x", {**BYTES, "Upload-Offset": "0", "Upload-Length": "901"})
    assert (reply.status, details(reply.body)) == (409, {"field": "size", "size": 900})


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"Upload-Metadata": f"meta {'x' * 9_000}"}, "headers"),
        ({f"X-{number}": "x" for number in range(120)}, "headers"),
        ({f"X-{number}": "x" * 4_000 for number in range(9)}, "headers"),
        ({"Host": "\x01"}, "request"),
    ],
    ids=["long", "many", "long together", "invalid"],
)
def test_headers_that_are_too_large_are_named(strict: Served, headers: dict[str, str], field: str) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "x", **headers}.items())
    with closing(socket.create_connection(("127.0.0.1", strict.port), timeout=WAIT_SECONDS)) as connection:
        connection.sendall(f"POST /tus/ HTTP/1.1\r\n{head}\r\n".encode())
        answer = b""
        with suppress(ConnectionError):
            while piece := connection.recv(65_536):
                answer += piece
    told, _, body = answer.partition(b"\r\n\r\n")
    assert int(told.split()[1]) == (431 if field == "headers" else 400)
    assert [field] == [*details(body)["fields"]]


def test_a_query_that_is_not_utf_8_makes_no_file_of_another_name(strict: Served) -> None:
    headers = {**bearer("eve"), "Content-Type": "image/png"}
    for query, field in (("name=%ff", "name"), ("name=a&path=%ed%a0%80", "path"), ("%ff=1", "\ufffd")):
        reply = strict.request("POST", f"/api/files/upload?{query}", b"x", headers)
        assert (reply.status, list(details(reply.body)["fields"])) == (400, [field])
    assert strict.request("POST", "/api/files/upload?name=%ef%bf%bd", b"x", headers).status == 201
    assert strict.result("files.count", owner="eve")["total"] == 1


def test_a_parameter_that_stands_twice_is_refused_and_not_guessed(strict: Served) -> None:
    headers = {**bearer("ida"), "Content-Type": "image/png"}
    for query, field in (("name=a&name=b", "name"), ("name=a&tags=x&sha256=1&sha256=2", "sha256")):
        reply = strict.request("POST", f"/api/files/upload?{query}", b"x", headers)
        assert (reply.status, list(details(reply.body)["fields"])) == (400, [field])
    made = strict.request("POST", "/api/files/upload?name=a&tags=x&tags=y", b"x", headers)
    assert (made.status, json.loads(made.body)["tags"]) == (201, ["x", "y"]), made.body
    assert strict.request("GET", "/api/files?limit=1&limit=2", headers=headers).status == 400


def test_all_fields_that_can_be_filtered_are_listed(strict: Served) -> None:
    reply = strict.request("POST", "/rpc/files.list", json.dumps({"filter": {"nope": 1}}).encode(), JSON)
    message = json.loads(reply.body)["error"]["message"]
    assert message.endswith(".")
    assert set(message.partition("known fields: ")[2].removesuffix(".").split(", ")) == set(FIELDS)
