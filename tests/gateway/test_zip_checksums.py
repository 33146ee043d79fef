"""The CRC-32 of archives is on record for what came through any door, and costs no second read where none is needed."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.gateway.addresses import declare, put
from tests.gateway.owners import bearer
from tests.gateway.serving import Served
from tests.gateway.slices import Talk, talk
from tests.gateway.tus import TUS, file_id_of, made, patch

MIB = 2**20
CONTENT = random.Random(32).randbytes(5 * MIB + 11)


def by_rest(served: Served, content: bytes) -> str:
    reply = served.request("POST", "/api/files/upload?name=a.bin", content, bearer("ann"))
    assert reply.status == 201
    return str(reply.json["file_id"])


def by_url(served: Served, content: bytes) -> str:
    part = declare(served, len(content))
    assert put(served, part, content).status == 201
    return str(part["file_id"])


def by_tus(served: Served, content: bytes) -> str:
    url, half = made(served, len(content)), len(content) // 2
    for offset, piece in ((0, content[:half]), (half, content[half:])):
        assert not piece or patch(served, url, offset, piece).status == 204
    return file_id_of(url)


def by_joined_tus(served: Served, content: bytes) -> str:
    half = len(content) // 2
    urls = [made(served, half, **{"Upload-Concat": "partial"}) for _ in range(2)]
    for url, piece in zip(urls, (content[:half], content[half:]), strict=True):
        assert patch(served, url, 0, piece).status == 204
    final = served.request("POST", "/tus/", None, {**TUS, "Upload-Concat": f"final;{' '.join(urls)}"})
    return file_id_of(final.headers["Location"])


def backwards(served: Served, content: bytes) -> str:
    async def scene(client: Talk) -> Any:
        await client.ask(op="start", name="a.bin", size=len(content))
        await client.bring(content, *range(0, len(content), MIB)[::-1], piece=MIB)
        return await client.ask(op="finish")

    return str(talk(served.port, scene)["file_id"])


def zip_checksum(served: Served, file_id: str) -> Any:
    return served.core.metadata.get(file_id).parts[0].crc32


@pytest.mark.parametrize("size", [0, 100, 2 * MIB, len(CONTENT)])
@pytest.mark.parametrize("upload", [by_rest, by_url, by_tus])
def test_bytes_in_order_are_summed_while_they_arrive(
    served: Served, upload: Callable[[Served, bytes], str], size: int
) -> None:
    content = CONTENT[-size:] if size else b""
    file_id = upload(served, content)
    assert not size or zip_checksum(served, file_id) == f"{zlib.crc32(content):08x}"
    assert served.result("files.process", file_id=file_id)["parts"][0]["crc32"] == f"{zlib.crc32(content):08x}"


@pytest.mark.parametrize("upload", [backwards, by_joined_tus])
def test_bytes_in_another_order_are_summed_by_processing(
    served: Served, upload: Callable[[Served, bytes], str]
) -> None:
    content = CONTENT[: 4 * MIB]
    file_id = upload(served, content)
    assert served.result("files.process", file_id=file_id)["parts"][0]["crc32"] == f"{zlib.crc32(content):08x}"
    clone = served.result("files.clone", file_id=file_id, owner="bob")
    assert zip_checksum(served, clone["file_id"]) == f"{zlib.crc32(content):08x}"


def test_bytes_that_are_sent_again_after_a_lost_answer_are_summed(served: Served) -> None:
    part = declare(served, 3)
    writer = served.core.blobs.writer(part["key"], content_type=part["content_type"], now=1)
    writer.write(b"abc")
    writer.commit(declared={})
    assert put(served, part, b"abc").status == 200
    assert zip_checksum(served, part["file_id"]) == f"{zlib.crc32(b'abc'):08x}"
