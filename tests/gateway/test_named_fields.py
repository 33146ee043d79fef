"""Errors of the doors name fields as the doors do, and no list in them is cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage_adapters import FIELDS
from tests.cores import memory_core
from tests.gateway.owners import bearer
from tests.gateway.serving import Served, serving
from tests.gateway.slices import Talk, talk
from tests.gateway.tus import BYTES, TUS, metadata

JSON = {**bearer("ann"), "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway that takes pictures of up to 1 000 bytes."""
    data: Path = tmp_path_factory.mktemp("data")
    with serving(memory_core(data, max_part_bytes=1_000, allowed_content_types=("image/*",))) as served:
        yield served


def details(reply: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(reply)["error"]["details"]
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


def test_all_fields_that_can_be_filtered_are_listed(strict: Served) -> None:
    reply = strict.request("POST", "/rpc/files.list", json.dumps({"filter": {"nope": 1}}).encode(), JSON)
    message = json.loads(reply.body)["error"]["message"]
    assert message.endswith(".")
    assert set(message.partition("known fields: ")[2].removesuffix(".").split(", ")) == set(FIELDS)
